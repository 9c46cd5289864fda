import { once } from 'node:events';
import { globalErrorHandler } from '@opentelemetry/core';
import type { NodeSDK } from '@opentelemetry/sdk-node';

/**
 * Sends the queued spans and shuts the SDK down. If a batch fails, BatchSpanProcessor 3.1.0 rejects although others are
 * still being sent, and they would be lost: this waits for them. Call process.exit() when it has resolved.
 * Upstream: BatchSpanProcessor: shutdown
 */
export async function shutDownSdk(sdk: NodeSDK): Promise<void> {
  try {
    await sdk.shutdown();
  } catch (error) {
    globalErrorHandler(error as Error);
    await once(process, 'beforeExit'); // comes when nothing is in flight any more
  }
}
