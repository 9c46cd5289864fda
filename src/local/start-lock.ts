import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until no other `npm start` is between choosing its ports and listening on them, 10 s at most. Returns a function that lets
 * the next one go. The lock is a UDP port: nothing else uses it, and it is free again when this process ends, however it ends.
 */
export async function lockStart(): Promise<() => void> {
  for (const deadline = Date.now() + 10_000; ; await sleep(50)) {
    const socket = createSocket('udp4');
    const unlock = () => void socket.close();
    try {
      await once(socket.bind(9411, '127.0.0.1'), 'listening');
      return unlock;
    } catch {
      if (Date.now() > deadline) return unlock;
      unlock();
    }
  }
}
