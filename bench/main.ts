// `npm run bench`: what tracing costs (docs/cost.md). `npm run bench -- --quick` is for a first look.
import { cpus, release, totalmem, type } from 'node:os';
import { measure } from './measure.ts';
import { toTable } from './report.ts';

const [option] = process.argv.slice(2);
const quick = option === '--quick';
if (option && !quick) {
  console.error(`${option}: unknown option. Usage: npm run bench [-- --quick]`);
  process.exit(1);
}

const results = await measure({
  starts: quick ? 2 : 3,
  warmUp: quick ? 15_360 : 30_720,
  rounds: quick ? 3 : 10,
  requests: 2560, // their spans fill whole batches, so that none waits for the next batch
});
const gigabytes = Math.round(totalmem() / 2 ** 30);
console.log(`${cpus().length} × ${cpus()[0]?.model}, ${gigabytes} GB, ${type()} ${release()}, Node ${process.version}

${toTable(results)}

In parentheses: the lowest and highest figure of one start alone. "unsteady": these differ by more than a third.`);
