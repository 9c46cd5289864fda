import { format } from 'node:util';
import { context, DiagLogLevel, diag, type Exception, ROOT_CONTEXT } from '@opentelemetry/api';
import { setGlobalErrorHandler } from '@opentelemetry/core';
import type { Config } from '../config.ts';
import { createLogger } from '../server/logger.ts';
import { destination } from './destination.ts';

const quietMs = 60_000;

/**
 * Sends the SDK's own messages to the service's log, at OTEL_LOG_LEVEL. Lost spans are logged at most once a minute; by default the SDK
 * logs every failed batch, with a stack.
 * @returns the handler for export errors
 */
export function logDiagnostics(config: Config): (error: Exception) => void {
  const log = createLogger(config).child({ logger: 'opentelemetry' }, { level: 'trace' });
  let quietUntil = 0;

  // Outside the request during which a batch happens to be sent: these messages are not about it, so they get no trace_id.
  const write = (level: 'error' | 'warn' | 'info' | 'debug' | 'trace', args: unknown[]) =>
    context.with(ROOT_CONTEXT, () => log[level](format(...args)));

  const reportLost = (what: string) => {
    if (performance.now() < quietUntil) return; // monotonic: setting the clock back must not silence it
    quietUntil = performance.now() + quietMs;
    diag.error(`${what}. Requests are not affected, but traces may be incomplete. (Logged at most once a minute.)`);
  };
  const reportFailure = (error: Exception) => {
    const { message, code = error } = error as { message?: string; code?: string | number };
    reportLost(`can't send spans to ${destination(config)}: ${message || code}`); // an AggregateError has no message
  };

  diag.setLogger(
    {
      error: (...args) => write('error', args),
      warn: (...args) => (args[0].startsWith('Dropped ') ? reportLost(args[0]) : write('warn', args)),
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
