import { expect, test } from '@jest/globals';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const read = (file: string) => JSON.parse(readFileSync(path.join(root, file), 'utf8')) as Record<string, never>;

const packages = globSync('{backend,examples}/*/tsconfig.json', { cwd: root }).map((file) => path.dirname(file));

// without the reference a clone builds its parts in the wrong order, which no tree that was built before notices
test.each(packages)('%s is built after every package of ours that it depends on', (folder) => {
  const { dependencies = {} } = read(`${folder}/package.json`) as { dependencies?: Record<string, string> };
  const { references = [] } = read(`${folder}/tsconfig.json`) as { references?: { path: string }[] };
  const needed = Object.keys(dependencies)
    .filter((name) => name.startsWith('@clearway/'))
    .map((name) => name.slice('@clearway/'.length));
  const built = references.map(({ path: to }) => path.basename(to));
  expect(built).toEqual(expect.arrayContaining(needed));
});
