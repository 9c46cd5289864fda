/** A call without a complete response: 502 if the service can't be reached, 504 if it did not respond in time. */
export class DownstreamError extends Error {
  override name = 'DownstreamError';
  status: 502 | 504;

  constructor(status: 502 | 504, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
