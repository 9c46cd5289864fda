import { prettyFactory } from 'pino-pretty';

/** Prints a line under the name of the process that it comes from. */
export const say = (who: string, line: string) => console.log(`${who.padEnd(8)} | ${line.trimEnd()}`);

/** Makes a service's line of JSON readable, with the link to its trace; the trace's id if the link is not known. */
export function createFormatter(traceUiUrl = 'trace {traceId}'): (line: string) => string {
  return prettyFactory({
    colorize: process.stdout.isTTY,
    hideObject: true,
    translateTime: 'HH:MM:ss',
    messageFormat: ({ msg, ms, trace_id, trace_flags }) => {
      const trace = trace_flags === '01' && traceUiUrl.replaceAll('{traceId}', `${trace_id}`); // 00: not sampled
      return [msg, ms !== undefined && `${ms} ms`, trace].filter(Boolean).join('  ');
    },
  });
}
