import { prettyFactory } from 'pino-pretty';
import { escapeInvisible } from '../src/config/quote.ts';

/** Prints a line under the name of the process that it comes from. */
export const say = (who: string, line: string) => console.log(`${who.padEnd(8)} | ${line.trimEnd()}`);

/** Makes a line of a service's log readable, with a link to its trace, or the trace's id. Other lines are unchanged. */
export function createFormatter(traceUiUrl = 'trace {traceId}'): (line: string) => string {
  const pretty = prettyFactory({
    colorize: process.stdout.isTTY,
    hideObject: true,
    translateTime: 'HH:MM:ss',
    messageFormat: ({ msg, ms, trace_id, trace_flags }) => {
      const trace = trace_flags === '01' && traceUiUrl.replaceAll('{traceId}', `${trace_id}`); // 00: not sampled
      return [msg, ms !== undefined && `${ms} ms`, trace].filter(Boolean).join('  ');
    },
  });
  return (line) => {
    try {
      const entry = JSON.parse(line, (_, value) => (typeof value === 'string' ? printable(value) : value));
      return typeof entry.msg === 'string' ? pretty(entry) : line;
    } catch {
      return line; // it is not from the log: a service may print anything
    }
  };
}

/** A line may have the words of a caller or a backend. */
const printable = (text: string) => text.split('\n').map(escapeInvisible).join('\n');
