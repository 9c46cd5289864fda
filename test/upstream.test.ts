import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

test('docs/upstream.md has an entry for each workaround, and each entry has a workaround or says that there is none', () => {
  const files = globSync(['src/**/*.ts', 'local/**/*.{ts,js}', 'examples/*', 'docker/*', 'compose.yaml', 'otel.env']);
  const markers = files.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/Upstream: (.+)$/gm)]);
  const entries = readFileSync('docs/upstream.md', 'utf8').split(/^## /m).slice(1);
  const worksAround = entries.filter((entry) => !entry.includes('No workaround.'));
  const headings = worksAround.map((entry) => entry.split('\n', 1)[0]);
  assert.deepEqual([...new Set(markers.map(([, heading]) => heading))].sort(), headings.sort());
});
