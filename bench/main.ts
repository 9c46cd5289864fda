// `npm run bench`: what tracing costs. `-- --quick` for a first look, `-- --json` for machines.
import { cpus, release, totalmem, type } from 'node:os';
import { parseArgs } from 'node:util';
import { compare, type Row } from './compare.ts';
import { type SaturationRow, saturate } from './saturation.ts';
import { toMarkdown } from './table.ts';

export type Results = { machine: string; rows: Row[]; saturation: SaturationRow[] };

const { quick, json } = readOptions();
const progress = (text: string) => process.stderr.write(`${text}\n`);

const results: Results = {
  machine: `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}, Node ${process.version}`,
  // 2560 requests are whole batches of spans, so that none of them waits.
  rows: await compare(
    { starts: quick ? 2 : 3, warmUp: quick ? 15_360 : 30_720, rounds: quick ? 3 : 10, requests: 2560 },
    progress,
  ),
  saturation: await saturate(quick ? { requests: 100, seconds: 0.5 } : { requests: 4000, seconds: 3 }, progress),
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
