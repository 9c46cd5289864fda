import { once } from 'node:events';
import { globalErrorHandler } from '@opentelemetry/core';
import type { NodeSDK } from '@opentelemetry/sdk-node';

/**
 * Sends what is in the queue and shuts the SDK down. If a batch fails, BatchSpanProcessor 3.1.0 rejects, although
 * others are still being sent (docs/upstream.md): this waits for them. Call process.exit() when it has resolved.
 */
export async function shutDown(sdk: NodeSDK): Promise<void> {
  try {
    await sdk.shutdown();
  } catch (error) {
    globalErrorHandler(error as Error);
    await once(process, 'beforeExit'); // comes when nothing is in flight any more
  }
}
