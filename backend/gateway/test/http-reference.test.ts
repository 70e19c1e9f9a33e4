import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const page = readFileSync(path.join(import.meta.dirname, '../../../docs/reference/http.md'), 'utf8');
const rows = page.split('\n').filter((line) => /^\| /.test(line) && !/^\| (?:Section|-)/.test(line));

test('the HTTP reference has rows', () => {
  expect(rows.length).toBeGreaterThan(40);
});

test.each(rows.map((row) => [row.slice(0, 60), row]))('%s… is held by the test that it names', (_start, row) => {
  const [, file = '', title = ''] = /`([\w-]+)`: “([^”]+)” *\|$/.exec(row) ?? [];
  const source = readFileSync(path.join(import.meta.dirname, `${file}.test.ts`), 'utf8');
  expect(source).toContain(title);
});
