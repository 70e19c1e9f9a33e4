import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeDirectorySync } from '../src/index.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'clearway-directory-'));
writeFileSync(path.join(folder, 'file'), '');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a directory', () => {
  test('is made with those above it, and stays when it is there', () => {
    const deep = path.join(folder, 'a/b/c');
    makeDirectorySync(deep, { mode: 0o700 });
    makeDirectorySync(deep);
    expect(statSync(deep).mode & 0o777).toBe(0o700);
  });

  // node's own recursive mkdir never comes back from the first two
  test.each(['/proc/clearway', '/proc/clearway/data', '/dev/null/data', path.join(folder, 'file')])(
    'that cannot be made ends at once, and says what to set: %s',
    (place) => {
      expect(() => makeDirectorySync(place, { setting: 'DATA_DIRECTORY' })).toThrow(
        /^no folder can be made at \/.* \((ENOENT|EACCES|ENOTDIR|EEXIST)\): set DATA_DIRECTORY to a folder/,
      );
    },
  );
});
