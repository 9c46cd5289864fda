import { writeSync } from 'node:fs';
import { isSpanContextValid, trace } from '@opentelemetry/api';
import pino, { type Logger, type LoggerOptions } from 'pino';
import type { Config } from './config/config.ts';
import { config } from './loaded-config.ts';

/** The log of this process. */
export const log = createLogger(config);
/** For the SDK's own messages: OTEL_LOG_LEVEL selects them, not LOG_LEVEL. */
export const sdkLog = log.child({ logger: 'opentelemetry' }, { level: 'trace' });

/** Writes a line of JSON per event to stdout. During a request, a line has the IDs of its trace and span. */
function createLogger({ SERVICE_NAME, LOG_LEVEL }: Config): Logger {
  // if its reader stalls, drop lines rather than grow
  const stdout = pino.destination({ dest: 1, maxLength: 10_000_000 });
  // The log's reader has gone (EPIPE), or a write failed: stop as on SIGTERM, so that spans are sent.
  stdout.on('error', () => process.emit('SIGTERM'));
  // pino writes asynchronously. What exit handlers log after it has flushed would be lost: write it at once.
  process.once('exit', () => {
    stdout.write = (line) => {
      try {
        return writeSync(1, line) > 0;
      } catch {
        return false; // nobody reads any more
      }
    };
  });
  const options: LoggerOptions = {
    level: LOG_LEVEL,
    base: { service: SERVICE_NAME },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) }, // "error" rather than 50
    mixin() {
      const span = trace.getActiveSpan()?.spanContext();
      return span && isSpanContextValid(span)
        ? { trace_id: span.traceId, span_id: span.spanId, trace_flags: `0${span.traceFlags.toString(16)}` }
        : {};
    },
  };
  return pino(options, stdout);
}
