/** A call without a complete response: 502 if the call failed, 504 if it timed out. */
export class DownstreamError extends Error {
  override name = 'DownstreamError';
  status: 502 | 504;

  constructor(status: 502 | 504, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
