import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const anchors = (file: string) =>
  [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

for (const file of globSync(['*.md', 'docs/*.md'])) {
  test(`every file and heading that ${file} links to exists`, () => {
    for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/\]\(([^)]+)\)/g)) {
      if (target.startsWith('http')) continue;
      const [path, heading] = target.split('#');
      const page = path ? join(dirname(file), path) : file;
      assert.ok(existsSync(page), target);
      if (heading) assert.ok(anchors(page).includes(heading), target);
    }
  });
}
