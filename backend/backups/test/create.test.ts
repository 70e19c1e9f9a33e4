import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import {
  BackupFailure,
  listBackups,
  type BackupProgress,
  type CreateRequest,
  type LogicalEngineOptions,
} from '../src/index.ts';
import { writeManifest } from '../src/manifest/document.ts';
import { openBench, openBenchServer, type Bench, type BenchServer } from './support/bench.ts';
import { fakePgDump, fakeZstd, startBackupProcess } from './support/processes.ts';
import { hasTools } from './support/programs.ts';

let server: BenchServer;
let bench: Bench;
let source: string;

beforeAll(async () => {
  server = await openBenchServer();
  bench = openBench(server);
  const role = server.name('reader');
  source = await server.makeDatabase(
    'source',
    `CREATE TABLE notes (id int PRIMARY KEY, owner text, body text);
     INSERT INTO notes SELECT g, CASE WHEN g % 10 = 0 THEN '${role}' ELSE 'other' END, repeat(md5(g::text), 20) FROM generate_series(1, 3000) AS g;
     CREATE ROLE ${role} LOGIN PASSWORD 'reader'; GRANT SELECT ON notes TO ${role};`,
  );
});
afterAll(async () => {
  await server.close();
  bench.close();
});

const asReader = (): string => {
  const url = new URL(source);
  url.username = server.name('reader');
  url.password = 'reader';
  return url.toString();
};

/** Makes a backup that must fail, in a directory of its own, and returns what is left of it. */
async function failing(request: Partial<CreateRequest>, options: Partial<LogicalEngineOptions> = {}) {
  const own = openBench(server, options);
  try {
    const outcome: unknown = await own
      .create({ connectionString: source, ...request })
      .catch((error: unknown) => error);
    if (!(outcome instanceof BackupFailure))
      throw new Error('it was made, or failed with something else', { cause: outcome });
    const failure = outcome;
    const failed = path.join(own.directory, 'failed');
    const kept = existsSync(failed) ? readdirSync(failed).map((id) => path.join(failed, id)) : [];
    const records = kept.map((folder) => JSON.parse(readFileSync(path.join(folder, 'failure.json'), 'utf8')) as object);
    const partial = path.join(own.directory, '.partial');
    return {
      failure,
      records,
      files: kept.flatMap((folder) => readdirSync(folder)),
      listed: (await listBackups(own.storage)).backups.length,
      partial: existsSync(partial) ? readdirSync(partial) : [],
    };
  } finally {
    own.close();
  }
}

describe('a backup that cannot be made', () => {
  const withProgram = (name: string, script: string) => {
    const pgDump = fakePgDump(bench.directory, name, script);
    return failing({}, { tools: { variables: process.env, pgDump } });
  };

  test('because pg_dump was killed is none, and is kept aside with the reason', async () => {
    const { failure, records, files, listed, partial } = await withProgram('killed', 'printf PGDMP; kill -9 $$');
    expect(failure).toMatchObject({ reason: 'dump-failed', message: expect.stringMatching(/SIGKILL/) });
    expect(records).toEqual([expect.objectContaining({ reason: 'dump-failed', at: expect.any(String) })]);
    expect(files).toContain('database.dump.zst');
    expect(listed).toBe(0);
    expect(partial).toEqual([]);
  });

  test('because pg_dump failed after it wrote something says what pg_dump said', async () => {
    const { failure, listed } = await withProgram(
      'failed',
      "printf PGDMP; echo 'pg_dump: error: out of memory' >&2; exit 1",
    );
    expect(failure).toMatchObject({
      reason: 'dump-failed',
      message: expect.stringMatching(/exited with 1: .*out of memory/),
    });
    expect(listed).toBe(0);
  });

  test('because pg_dump wrote nothing and reported success is damaged, and never decoded', async () => {
    const pgDump = fakePgDump(bench.directory, 'nothing', 'exit 0');
    const own = openBench(server, { tools: { variables: process.env, pgDump } });
    await expect(own.create({ connectionString: source })).rejects.toMatchObject({ reason: 'damaged' });
    const { backups } = await listBackups(own.storage);
    expect(backups.map(({ verifications }) => verifications.state)).toEqual(['damaged']);
    own.close();
  });

  describe('with an installed zstd', () => {
    const withZstd = (name: string, pgDump: string, zstd: string, request: Partial<CreateRequest> = {}) =>
      failing(request, {
        tools: {
          variables: process.env,
          pgDump: fakePgDump(bench.directory, `${name}-pg-dump`, pgDump),
          zstd: fakeZstd(bench.directory, `${name}-zstd`, zstd),
        },
      });

    test('because zstd was killed says so, whatever pg_dump makes of it', async () => {
      const { failure, listed, records } = await withZstd('killed', 'yes | head -c 9000000', 'head -c 99; kill -9 $$');
      expect(failure).toMatchObject({ reason: 'dump-failed', message: 'zstd was ended by SIGKILL: it said nothing' });
      expect([listed, records.length]).toEqual([0, 1]);
    });

    test.each([
      ['zstd: error 70 : Write error', 'dump-failed'],
      [
        '\\r(L3) Buffered: 0.12 MiB - Consumed: 0.12 MiB - Compressed: 0.00 MiB => 0.00%% zstd: error 70 : Write error : No space left on device',
        'storage-failed',
      ],
    ])('because zstd failed after it wrote something says what zstd said: %s', async (line, reason) => {
      const { failure } = await withZstd('failed', 'printf PGDMP', `cat; printf '${line}\\n' >&2; exit 70`);
      expect(failure).toMatchObject({ reason, message: `zstd exited with 70: ${line.split('zstd: ')[1]}` });
    });

    test('because pg_dump failed is none although zstd ended well', async () => {
      const { failure, listed } = await withZstd(
        'well',
        "printf PGDMP; echo 'pg_dump: error: no' >&2; exit 1",
        'exec cat',
      );
      expect(failure).toMatchObject({ reason: 'dump-failed', message: 'pg_dump exited with 1: pg_dump: error: no' });
      expect(listed).toBe(0);
    });

    test('because something was lost between the two is found damaged; before that, progress is shown', async () => {
      const done: (number | undefined)[] = [];
      const onProgress = (progress: BackupProgress): void => {
        if (progress.phase === 'dumping') done.push(progress.done);
      };
      const zstd = "cat > /dev/null; printf '\\r(L3) Buffered: 1.50 MiB - Consumed:  280 MiB - Compressed' >&2";
      const { failure } = await withZstd('lost', 'printf PGDMP', zstd, { onProgress });
      expect(failure.reason).toBe('damaged');
      expect(done).toEqual([0, 280 * 2 ** 20]);
    });
  });

  test('because the role sees only some rows fails instead of dumping them', async () => {
    await server.query(
      source,
      `ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
      CREATE POLICY own ON notes FOR SELECT USING (owner = current_user)`,
    );
    const seen = await server.query<{ count: string }>(asReader(), 'SELECT count(*) FROM notes');
    expect(seen).toEqual([{ count: '300' }]);
    const { failure, listed } = await failing({ connectionString: asReader() });
    expect(failure).toMatchObject({
      reason: 'permission-denied',
      message: expect.stringMatching(/row-level security/),
    });
    expect(listed).toBe(0);
    await server.query(source, 'ALTER TABLE notes DISABLE ROW LEVEL SECURITY');
  });

  test('because a table may not be read names the table', async () => {
    await server.query(source, 'CREATE TABLE hidden (a int)');
    const { failure } = await failing({ connectionString: asReader() });
    expect(failure).toMatchObject({ reason: 'permission-denied', message: expect.stringMatching(/hidden/) });
    await server.query(source, 'DROP TABLE hidden');
  });

  test('because nobody answers, or the password is wrong, or there is no such database', async () => {
    const wrong = new URL(source);
    wrong.password = 'wrong';
    for (const url of ['postgresql://nobody@127.0.0.1:1/x', wrong.toString(), server.url('no_such_database')])
      expect((await failing({ connectionString: url })).failure.reason).toBe('unreachable');
  });

  test('because a table is being changed gives up after its time', async () => {
    const client = new pg.Client({ connectionString: source });
    await client.connect();
    await client.query('BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE');
    const { failure } = await failing({ lockWaitMs: 200 });
    await client.end();
    expect(failure).toMatchObject({ reason: 'dump-failed', remedy: expect.stringMatching(/pg_stat_activity/) });
  });

  test('because it was told to stop is kept aside, and its programs are gone', async () => {
    const pgDump = fakePgDump(bench.directory, 'endless', 'echo $$ >&2; exec sleep 60');
    const abort = new AbortController();
    const onProgress = ({ phase }: BackupProgress): void => {
      if (phase === 'measuring') abort.abort();
    };
    const { failure, records, listed } = await failing(
      { signal: abort.signal, onProgress },
      { tools: { variables: process.env, pgDump } },
    );
    expect(failure.reason).toBe('interrupted');
    expect(records.length).toBe(1);
    expect(listed).toBe(0);
  });

  test.each([
    ['that is written here', null, /EFBIG/],
    ...(hasTools('pg_dump') ? [['that pg_dump writes', undefined, /pg_dump .*(SIGXFSZ|File too large)/] as const] : []),
  ])('because a file %s would not fit leaves the reason, and takes no more space', async (_, pgDump, message) => {
    const directory = mkdtempSync(path.join(bench.directory, 'full-'));
    const task = { action: 'create', connectionString: source, directory, pgDump, compression: 'gzip' } as const;
    // 512-byte blocks: the dump does not fit, its reason does
    const { result } = startBackupProcess(task, 'ulimit -f 60;');
    expect(await result).toMatchObject({ failure: 'storage-failed', message: expect.stringMatching(message) });
    const [id = ''] = readdirSync(path.join(directory, 'failed'));
    expect(readdirSync(path.join(directory, 'failed', id))).toEqual(['failure.json']);
    expect(readdirSync(path.join(directory, '.partial'))).toEqual([]);
  });
});

describe('two backups of a database', () => {
  test('at once: the second one is refused, and told who has the lock', async () => {
    const pgDump = fakePgDump(bench.directory, 'slow', 'exec sleep 60');
    const abort = new AbortController();
    const slow = openBench(server, { tools: { variables: process.env, pgDump } });
    let started = (): void => {};
    const measuring = new Promise<void>((resolve) => (started = resolve));
    const first = slow.create({
      connectionString: source,
      signal: abort.signal,
      onProgress: ({ phase }) => phase === 'measuring' && started(),
    });
    first.catch(() => {});
    await measuring;
    const { failure } = await failing({});
    expect(failure).toMatchObject({
      reason: 'locked',
      message: expect.stringMatching(/backup.*clearway-backup.*process \d+/),
    });
    abort.abort();
    await expect(first).rejects.toMatchObject({ reason: 'interrupted' });
    slow.close();
  });

  test('one after the other of different clusters: the second one is refused until it is said that it was moved', async () => {
    const own = openBench(server);
    const backup = await own.create({ connectionString: source });
    await expect(own.create({ connectionString: source, acceptNewIdentity: false })).resolves.toBeDefined();
    // as if all that is known of the database had been made on another cluster
    const { backups } = await listBackups(own.storage);
    for (const { id, manifest } of backups) {
      if (!manifest.source) throw new Error('a backup of ours names its source');
      const moved = { ...manifest, source: { ...manifest.source, systemIdentifier: '4711' } };
      writeFileSync(path.join(own.directory, id, 'manifest.json'), writeManifest(moved));
    }
    expect(backups.map(({ id }) => id)).toContain(backup.id);
    await expect(own.create({ connectionString: source, acceptNewIdentity: false })).rejects.toMatchObject({
      reason: 'wrong-database',
      message: expect.stringMatching(/4711/),
      remedy: expect.stringMatching(/--accept-new-identity/),
    });
    await expect(own.create({ connectionString: source, acceptNewIdentity: true })).resolves.toBeDefined();
    await expect(own.create({ connectionString: source, systemIdentifier: '42' })).rejects.toMatchObject({
      reason: 'wrong-database',
      message: expect.stringMatching(/42 was expected/),
    });
    own.close();
  });
});

describe('while pg_dump runs', () => {
  test('no list of processes shows the password', async () => {
    const seen = path.join(bench.directory, 'seen');
    const pgDump = fakePgDump(bench.directory, 'curious', `cat /proc/$$/cmdline > ${seen}; env > ${seen}.env; exit 1`);
    const url = new URL(source);
    url.searchParams.set('schema', 'public');
    url.searchParams.set('sslmode', 'disable');
    await failing({ connectionString: url.toString() }, { tools: { variables: process.env, pgDump } });
    const password = decodeURIComponent(url.password);
    expect(password).not.toBe('');
    expect(readFileSync(seen, 'utf8')).not.toContain(password);
    expect(readFileSync(seen, 'utf8')).toContain('sslmode=disable');
    expect(readFileSync(seen, 'utf8')).not.toContain('schema=public');
    expect(readFileSync(`${seen}.env`, 'utf8')).toContain(`PGPASSWORD=${password}`);
  });
});

describe('an encrypted backup', () => {
  test('is opened by its key alone, and compared by its hash without one', async () => {
    const identity = await generateIdentity();
    const other = await generateIdentity();
    const backup = await bench.create({ connectionString: source, recipients: [await identityToRecipient(identity)] });
    const files = readdirSync(path.join(bench.directory, backup.id));
    expect(files.filter((name) => name.endsWith('.age')).sort()).toEqual(['database.sql.zst.age', 'globals.sql.age']);
    expect(
      readFileSync(path.join(bench.directory, backup.id, 'database.sql.zst.age'))
        .subarray(0, 22)
        .toString(),
    ).toBe('age-encryption.org/v1\n');
    expect(backup.verifications).toMatchObject({ state: 'decoded', verifications: [{ decodedBy: 'hash' }] });
    const lost = await bench.engine.verify({ backup, level: 'exact' });
    expect(lost).toMatchObject({ failure: { reason: 'key-missing' }, verification: { outcome: 'not-possible' } });
    const wrong = await bench.engine.verify({ backup, level: 'exact', identities: [other] });
    expect(wrong).toMatchObject({ failure: { reason: 'key-wrong' }, verification: { outcome: 'not-possible' } });
    const right = await bench.engine.verify({ backup, level: 'decode', identities: [other, identity] });
    expect(right).toMatchObject({ failure: undefined, verification: { decodedBy: 'content' } });
    const exact = await bench.engine.verify({ backup, level: 'exact', identities: [identity] });
    expect(exact).toMatchObject({ failure: undefined, backup: { verifications: { state: 'exact' } } });
  });

  test('for something that is no key is refused before anything is read', async () => {
    const { failure } = await failing({ recipients: ['age1notakey'] });
    expect(failure).toMatchObject({ reason: 'key-wrong', message: expect.stringMatching(/age1notakey/) });
  });
});

test('what a killed process left behind is removed by the next backup', async () => {
  const directory = path.join(bench.directory, 'killed-create');
  mkdirSync(directory);
  const pgDump = fakePgDump(bench.directory, 'waits', 'printf PGDMP; exec sleep 60');
  const child = startBackupProcess({ action: 'create', connectionString: source, directory, pgDump });
  await child.at('dumping');
  child.process.kill('SIGKILL');
  await child.result;
  expect(readdirSync(path.join(directory, '.partial')).length).toBe(2);
  // the server notices the end of the connection, and the lock is free
  for (let i = 0; i < 100; i++) {
    const { result } = startBackupProcess({ action: 'create', connectionString: source, directory, pgDump: null });
    const made = await result;
    if (made?.['failure'] === 'locked') await sleep(100);
    else {
      expect(made).toMatchObject({ id: expect.any(String), failures: [] });
      break;
    }
  }
  expect(readdirSync(path.join(directory, '.partial'))).toEqual([]);
});
