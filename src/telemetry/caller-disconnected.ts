import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Whether a response is incomplete because the caller disconnected. False if the service itself broke it off: by an
 * error, a timeout or `destroy()`. In both cases Node sets `request.aborted` and `request.errored`.
 */
export function callerDisconnected({ socket }: IncomingMessage, response: ServerResponse): boolean {
  if (response.writableFinished || response.errored) return false;
  const { code } = (socket.errored ?? {}) as NodeJS.ErrnoException;
  return socket.readableEnded || code === 'ECONNRESET' || code === 'EPIPE';
}
