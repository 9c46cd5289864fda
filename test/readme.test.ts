import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { startViewer } from './support/backends.ts';
import { run } from './support/process.ts';
import { until } from './support/wait.ts';

const readme = readFileSync('README.md', 'utf8');
const code = (label: string) => {
  const [, text] = readme.match(new RegExp(`^\`\`\`js ${label}\\n(.*?)^\`\`\``, 'ms')) ?? [];
  assert.ok(text, `the README has a block "js ${label}"`);
  return text;
};
const esm = code('esm');
const olderHook = esm
  .replace(/^import \{ register \}.*\n/, code('hook').split('\n')[0] ?? '')
  .replace(/^register\(.*\n/m, code('hook').split('\n')[2] ?? '');
const app = (express: string) => `${express}
  const server = express().get('/hello', (_req, res) => res.send('hello')).listen(0, '127.0.0.1', () => {
    fetch('http://127.0.0.1:' + server.address().port + '/hello').then((response) => response.text());
  });`;

for (const [what, telemetry, preload, main, source] of [
  ['ES modules', esm, 'telemetry.mjs', 'app.mjs', app("import express from 'express';")],
  ['ES modules on an older Node', olderHook, 'telemetry.mjs', 'app.mjs', app("import express from 'express';")],
  ['CommonJS', code('cjs'), 'telemetry.cjs', 'app.cjs', app("const express = require('express');")],
] as const) {
  test(`the README's lines for one's own service trace it: ${what}`, async () => {
    const folder = mkdtempSync(resolve('node_modules/.readme-')); // where the packages are found
    try {
      writeFileSync(join(folder, preload), telemetry);
      writeFileSync(join(folder, main), source);
      await using viewer = await startViewer();
      const option = preload.endsWith('.cjs') ? '--require' : '--import';
      await using _app = run(
        process.execPath,
        [option, `./${preload}`, main],
        {
          ...viewer.env,
          OTEL_SERVICE_NAME: 'shop',
          OTEL_TRACES_EXPORTER: 'zipkin',
          OTEL_METRICS_EXPORTER: 'none',
          OTEL_LOGS_EXPORTER: 'none',
          OTEL_BSP_SCHEDULE_DELAY: '100',
        },
        folder,
      );
      const spans = await until('its spans', async () => {
        const response = await fetch(`${viewer.url}/api/v2/traces?serviceName=shop`);
        const [trace = []] = (await response.json()) as { kind?: string; tags: Record<string, string> }[][];
        return trace.some(({ kind }) => kind === 'CLIENT') && trace.some(({ kind }) => kind === 'SERVER') && trace;
      });
      assert.equal(spans.find(({ kind }) => kind === 'SERVER')?.tags['http.route'], '/hello');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test('every file, picture and heading that the README and docs/ link to is there', () => {
  for (const file of ['README.md', 'docs/reliability.md', 'docs/cost.md', 'docs/scaling.md']) {
    const text = readFileSync(file, 'utf8');
    const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title
        ?.toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );
    for (const [, target = ''] of text.matchAll(/\]\(([^)]+)\)/g)) {
      if (target.startsWith('http')) continue;
      const [path = '', heading] = target.split('#');
      if (path) assert.ok(existsSync(join(dirname(file), path)), `${file} links to ${target}`);
      if (heading && !path) assert.ok(headings.includes(heading), `${file} links to ${target}`);
    }
  }
});
