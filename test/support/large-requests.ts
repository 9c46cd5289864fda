import { once } from 'node:events';
import { connect } from 'node:net';

/**
 * Sends `count` requests that are about as large as Node accepts, and whose spans are twice as large: each quote and each
 * byte 0xff takes two bytes in JSON. Each is a 404, and a trace of its own unless `b3` says which.
 */
export async function sendLargeRequests(url: string, count: number, b3 = ''): Promise<void> {
  const long = '\xff'.repeat(4000);
  const headers = `Host: ${long}\r\nUser-Agent: ${long}\r\nX-Forwarded-For: ${long}\r\nb3: ${b3}\r\nConnection: close`;
  const request = Buffer.from(`GET /${'"'.repeat(3600)} HTTP/1.1\r\n${headers}\r\n\r\n`, 'latin1');
  let sent = 0;
  const worker = async () => {
    while (sent++ < count)
      await once(
        connect(Number(new URL(url).port), '127.0.0.1')
          .end(request)
          .resume(),
        'close',
      );
  };
  await Promise.all(Array.from({ length: 50 }, worker));
}
