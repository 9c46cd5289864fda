export type Line = Record<string, unknown> & { level: string; msg: string };

/** The complete JSON lines that a service has logged so far. */
export function linesOf({ text }: { text: { stdout: string } }): Line[] {
  const whole = text.stdout.slice(0, text.stdout.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line.startsWith('{"level"'))
    .map((line) => JSON.parse(line));
}
