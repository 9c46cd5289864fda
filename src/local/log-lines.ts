import { prettyFactory } from 'pino-pretty';

/** Prints a line under the name of the process that it comes from. */
export const say = (who: string, line: string) => console.log(`${who.padEnd(8)} | ${line}`);

/** Says why `npm start` can't go on, and ends. */
export function die(lines: string): never {
  for (const line of lines.split('\n')) console.error(`${'start'.padEnd(8)} | ${line}`);
  process.exit(1);
}

/** Makes a service's line of JSON readable, with the link to its trace; the trace's id if the link is not known. */
export function createFormatter(traceUiUrl = 'trace {traceId}'): (line: string) => string {
  const format = prettyFactory({
    colorize: process.stdout.isTTY,
    hideObject: true,
    translateTime: 'HH:MM:ss',
    messageFormat: ({ msg, ms, trace_id, trace_flags }) => {
      const trace = trace_flags === '01' && traceUiUrl.replaceAll('{traceId}', `${trace_id}`); // 00: not sampled
      return [msg, ms !== undefined && `${ms} ms`, trace].filter(Boolean).join('  ');
    },
  });
  return (line) => format(line).trimEnd();
}
