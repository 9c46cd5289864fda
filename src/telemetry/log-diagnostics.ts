import { format } from 'node:util';
import { context, DiagLogLevel, diag, type Exception, ROOT_CONTEXT } from '@opentelemetry/api';
import { setGlobalErrorHandler } from '@opentelemetry/core';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { describeDestination } from './describe-destination.ts';

const quietMs = 60_000;

/**
 * Sends the SDK's own messages to `logger`, at OTEL_LOG_LEVEL. Lost spans are counted and logged at most once a minute; by default the
 * SDK logs every failed batch, with a stack.
 * @returns the handler for export errors
 */
export function logDiagnostics(logger: Logger, config: Config): (error: Exception) => void {
  const log = logger.child({ logger: 'opentelemetry' }, { level: 'trace' });
  let lostSpans = 0;
  let latest: string | undefined; // the loss to log next
  let quiet: NodeJS.Timeout | undefined; // a timer, because the clock may be set back

  // Outside the context of any request: a batch may be sent during an unrelated one, whose trace_id it must not get.
  const write = (level: 'error' | 'warn' | 'info' | 'debug' | 'trace', args: unknown[]) =>
    context.with(ROOT_CONTEXT, () => log[level](format(...args)));

  const logLoss = () => {
    quiet = undefined;
    if (!latest) return;
    const count = lostSpans > 0 ? ` (${lostSpans} spans lost since the start)` : '';
    diag.error(
      `${latest}${count}. Requests are not affected, but traces may be incomplete. (Logged at most once a minute.)`,
    );
    latest = undefined;
    quiet = setTimeout(logLoss, quietMs).unref();
  };
  const addLoss = (message: string, spans: number) => {
    latest = message;
    lostSpans += spans;
    if (!quiet) logLoss();
  };

  const reportFailure = (error: Exception) => {
    const { message, code = error, lostSpans = 0 } = error as { message?: string; code?: unknown; lostSpans?: number };
    addLoss(`can't send spans to ${describeDestination(config)}: ${message || code}`, lostSpans); // an AggregateError has no message
  };
  const warn = (message: string, ...args: unknown[]) => {
    const dropped = message.match(/^Dropped (\d+) spans because maxQueueSize reached/)?.[1]; // by BatchSpanProcessor
    if (!dropped) return write('warn', [message, ...args]);
    addLoss('the span queue is full: see OTEL_BSP_MAX_QUEUE_SIZE', Number(dropped));
  };

  diag.setLogger(
    {
      error: (...args) => write('error', args),
      warn,
      info: (...args) => write('info', args),
      debug: (...args) => write('debug', args),
      verbose: (...args) => write('trace', args),
    },
    {
      logLevel: DiagLogLevel[config.OTEL_LOG_LEVEL.toUpperCase() as keyof typeof DiagLogLevel],
      suppressOverrideMessage: true,
    },
  );
  setGlobalErrorHandler(reportFailure);
  return reportFailure;
}
