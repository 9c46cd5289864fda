// `npm run bench`: what tracing costs (docs/cost.md). `npm run bench -- --quick` is for a first look.
import { cpus, release, totalmem, type } from 'node:os';
import { measure } from './measure.ts';
import { report } from './report.ts';

const [option] = process.argv.slice(2);
const quick = option === '--quick';
if (option && !quick) {
  console.error(`${option}: unknown option. Usage: npm run bench [-- --quick]`);
  process.exit(1);
}

if (!quick) console.error('This takes four to eight minutes. Keep the machine idle.');
const { table, problems } = report(await (quick ? measure(1, 5, 10) : measure(6, 12, 20)));
const gigabytes = Math.round(totalmem() / 2 ** 30);
console.log(`${cpus().length} × ${cpus()[0]?.model}, ${gigabytes} GB, ${type()} ${release()}, Node ${process.version}

${table}

In parentheses: the starts with the lowest and the highest figure.`);
for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error('These figures can’t be trusted: other programs use the processors. Stop them, and run it again.');
  process.exitCode = 1;
}
