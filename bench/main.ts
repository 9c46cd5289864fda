// `npm run bench`: what tracing costs. `-- --quick` for a first look, `-- --json` for machines.
import { cpus, release, totalmem, type } from 'node:os';
import { parseArgs } from 'node:util';
import { compare, type Row } from './compare.ts';
import { type SaturationRow, saturate } from './saturation.ts';
import { measureStartup } from './startup.ts';
import { toMarkdown } from './table.ts';

export type Results = {
  machine: string;
  rows: Row[];
  saturation: SaturationRow[];
  startup: Record<string, string> | null;
};

const { quick, json } = readOptions();
const plan = quick
  ? { rounds: 1, warmUp: 50, requests: 100, oneByOne: 20, connections: [50], seconds: 0.5 }
  : { rounds: 5, warmUp: 5000, requests: 800, oneByOne: 100, connections: [50, 400], seconds: 3 };
const progress = (what: string) => process.stderr.write(`${what}\n`);

const results: Results = {
  machine: `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}, Node ${process.version}`,
  startup: quick ? null : await measureStartup(progress),
  rows: await compare(plan, progress),
  saturation: await saturate(plan, progress),
};
console.log(json ? JSON.stringify(results, null, 2) : toMarkdown(results));

function readOptions() {
  try {
    return parseArgs({ options: { quick: { type: 'boolean' }, json: { type: 'boolean' } } }).values;
  } catch (error) {
    console.error(`${(error as Error).message.split('. ')[0]}: npm run bench -- [--quick] [--json]`);
    process.exit(1);
  }
}
