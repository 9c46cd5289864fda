import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { die } from './die.ts';

/** The variables of otel.env. Exits if there is none: `command` is what to run in its directory. */
export function readDefaults(command: string): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync('otel.env', 'utf8'));
  } catch {
    return die(`can't read otel.env in ${process.cwd()}: run ${command} in the demo's directory, which has it`);
  }
}
