import { format } from 'node:util';
import { context, type DiagLogFunction, DiagLogLevel, diag, ROOT_CONTEXT } from '@opentelemetry/api';
import { diagLogLevelFromString, setGlobalErrorHandler } from '@opentelemetry/core';
import { createLossLog } from './loss-log.ts';

/** A logger, such as pino or console. */
type Log = Record<'error' | 'warn' | 'info' | 'debug', (message: string) => void>;

/**
 * Sends the SDK's own messages to `log`. Lost spans are counted; by default the SDK logs every failed batch, with a
 * stack. Call it before `new NodeSDK`.
 * @param level none, error, warn, info, debug, verbose or all
 * @param destination where spans go, for messages
 */
export function logDiagnostics(log: Log, level: string, destination: string): void {
  // Outside the context of any request: a batch may be sent during an unrelated one, whose trace_id it must not get.
  const write = (name: keyof Log, args: unknown[]) => {
    const message = format(...args)
      .replace(/\?[^\s'"]+/g, '?REDACTED') // a query string may hold a secret
      .replace(/(?!\n)\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`); // of a response
    context.with(ROOT_CONTEXT, () => log[name](message));
  };
  const losses = createLossLog((message) => diag.error(message));

  const warn: DiagLogFunction = (...args) => {
    const dropped = args[0].match(/^Dropped (\d+) spans because maxQueueSize reached/); // by BatchSpanProcessor
    if (!dropped) return write('warn', args);
    losses.add('the span queue is full: see OTEL_BSP_MAX_QUEUE_SIZE', Number(dropped[1]));
  };
  const logger = {
    error: (...args: unknown[]) => write('error', args),
    warn,
    info: (...args: unknown[]) => write('info', args),
    debug: (...args: unknown[]) => write('debug', args),
    verbose: (...args: unknown[]) => write('debug', args),
  };
  // `new NodeSDK` would replace this logger by the console. Set after it, the SDK's first messages would be there.
  // Upstream: NodeSDK: OTEL_LOG_LEVEL replaces a diag logger
  delete process.env.OTEL_LOG_LEVEL;
  diag.setLogger(logger, {
    logLevel: diagLogLevelFromString(level) ?? DiagLogLevel.INFO,
    suppressOverrideMessage: true,
  });

  setGlobalErrorHandler((error) => {
    const { message, code = error, lostSpans = 0 } = error as { message?: string; code?: unknown; lostSpans?: number };
    losses.add(`can't send spans to ${destination}: ${message || code}`, lostSpans); // an AggregateError has no message
  });
}
