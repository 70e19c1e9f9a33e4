import { afterAll, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { directoryStorage, makeDirectory } from '../src/index.ts';
import { whyNoMount, withMount } from './support/mounts.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'clearway-folders-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const NOWHERE = ['/proc/clearway', '/proc/clearway/backups', '/dev/full', '/dev/null/backups'];

test.each(NOWHERE)('a folder that cannot be made is refused at once: %s', async (folder) => {
  await expect(makeDirectory(folder)).rejects.toMatchObject({
    reason: 'storage-failed',
    message: expect.stringContaining('no folder can be made at /'),
    remedy: expect.stringContaining('--dir, or BACKUP_DIR'),
  });
});

test('a folder that is not there holds nothing, and a file in its place is told', async () => {
  expect(await directoryStorage('/dev/null/backups').list()).toEqual([]);
  await expect(directoryStorage('/dev/full').list()).rejects.toMatchObject({
    reason: 'storage-failed',
    message: '/dev/full is no folder',
  });
});

const whyNot = whyNoMount('silent');
const name = 'a folder whose disk never answers ends each work on it, and the process can end';
(whyNot === undefined ? test : test.skip)(
  whyNot === undefined ? name : `${name} (cannot be tried: ${whyNot})`,
  async () => {
    const child = path.join(import.meta.dirname, 'support', 'silent-folder.ts');
    const args = [process.execPath, '--disable-warning=ExperimentalWarning', child, directory];
    const said = await withMount({ kind: 'silent', place: directory }, 'exec "$@"', args);
    const failure = { reason: 'storage-failed', message: `${directory} did not answer within 0.5 s` };
    const told = Object.fromEntries(['list', 'lock', 'create', 'restores'].map((work) => [work, failure]));
    expect(JSON.parse(said)).toEqual(told);
  },
);
