import { rmSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { once } from '../stack/build.ts';
import { folder, write } from './support/folder.ts';

let root: string;
let runs: number;
beforeEach(() => {
  [root, runs] = [folder({ 'a/src/x.ts': '1' }), 0];
});

const build = () =>
  once(root, 'compile', ['*/src/**/*.ts'], ['*/dist/*.js'], () => {
    runs++;
    write(root, { 'a/dist/x.js': `built ${runs}` });
    return Promise.resolve();
  });

describe('a build', () => {
  test('runs once as long as nothing changes', async () => {
    expect([await build(), await build(), await build()]).toEqual([true, false, false]);
  });

  test.each([
    ['a source changes', { 'a/src/x.ts': '2' }],
    ['a source is added', { 'a/src/deep/y.ts': '' }],
    ['somebody builds by hand', { 'a/dist/x.js': 'by hand' }],
  ])('runs again when %s', async (_name, files) => {
    await build();
    write(root, files);
    expect(await build()).toBe(true);
  });

  test('runs again when its output is gone', async () => {
    await build();
    rmSync(path.join(root, 'a/dist'), { recursive: true });
    expect(await build()).toBe(true);
  });

  test('that failed is not taken for done', async () => {
    const failing = once(root, 'compile', ['*/src/**/*.ts'], ['*/dist/*.js'], () =>
      Promise.reject(new Error('type error')),
    );
    await expect(failing).rejects.toThrow('type error');
    expect(await build()).toBe(true);
  });
});
