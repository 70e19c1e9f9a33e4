import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BACKUP_FAILURES, readBackup } from '../src/index.ts';
import { openBench, openBenchServer, type Bench, type BenchServer } from './support/bench.ts';
import type { ChildTask } from './support/child.ts';
import type { FullTargetTask } from './support/full-target.ts';
import { whyNoMount, withMount } from './support/mounts.ts';

// three processes of the engine one after the other, and a server: far more than a minute on a busy machine
jest.setTimeout(180_000);

const MIB = 2 ** 20;
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning'];
const CHILD = [...NODE, path.join(import.meta.dirname, 'support', 'child.ts')];
const FULL_TARGET = [...NODE, path.join(import.meta.dirname, 'support', 'full-target.ts')];

const whyNot = whyNoMount('tmpfs');
const name = 'on a disk that is really full';

(whyNot === undefined ? describe : describe.skip)(
  whyNot === undefined ? name : `${name} (none here: ${whyNot})`,
  () => {
    let server: BenchServer;
    let bench: Bench;
    let connectionString: string;
    let id: string;
    const place = mkdtempSync(path.join(tmpdir(), 'clearway-full-'));

    beforeAll(async () => {
      server = await openBenchServer();
      bench = openBench(server);
      // 7 MB that hardly compress, and 15 MB that do
      connectionString = await server.makeDatabase(
        'full',
        `CREATE TABLE noise AS SELECT g AS id, string_agg(md5(random()::text), '') AS body
       FROM generate_series(1, 3500) AS g, generate_series(1, 60) AS h GROUP BY g;
       CREATE TABLE wide AS SELECT g AS id, repeat('x', 1900) AS body FROM generate_series(1, 8000) AS g`,
      );
      ({ id } = await bench.create({ connectionString }));
    });
    afterAll(async () => {
      await server?.close();
      bench?.close();
      rmSync(place, { recursive: true, force: true });
    });

    test('a backup is none, leaves its reason alone, and the next one succeeds when there is space again', async () => {
      const task: ChildTask = { action: 'create', connectionString, directory: place, pgDump: null };
      const script = `
      head -c 10M /dev/zero > "$place/filler"
      "$@"; code=$?; echo; echo $code
      cd "$place" && find . -type f ! -name filler && du -sk . | cut -f1
      rm filler; cd / && "$@"`;
      const said = await withMount({ kind: 'tmpfs', place, sizeBytes: 12 * MIB }, script, [
        ...CHILD,
        JSON.stringify(task),
      ]);
      const [failed = '', code, left = '', usedKib, again = ''] = said.split('\n').filter(Boolean);
      expect(JSON.parse(failed)).toMatchObject({
        failure: 'storage-failed',
        message: expect.stringMatching(/ENOSPC/),
        remedy: expect.stringContaining('make room there'),
      });
      expect(code).toBe(`${BACKUP_FAILURES['storage-failed'].exitCode}`);
      expect(left).toMatch(/^\.\/failed\/[^/]+\/failure\.json$/);
      expect(Number(usedKib) - 10 * 1024).toBeLessThan(64);
      expect(JSON.parse(again)).toMatchObject({ id: expect.any(String), failures: [] });
    });

    test.each([
      ['its databases', 'storage-failed', /noise.*: .*No space left on device/],
      ['all of it', /^(storage-failed|unreachable)$/, /No space left on device|ECONNRESET|EPIPE|terminated/],
    ])(
      'a restore to a server with %s there replaces nothing, says so, and the next one succeeds',
      async (what, reason, message) => {
        const roomy = mkdtempSync(path.join(tmpdir(), 'clearway-roomy-'));
        try {
          chmodSync(roomy, 0o755); // the account of the server passes through
          cpSync(path.join(bench.directory, id), path.join(roomy, id), { recursive: true });
          const serverDirectory = path.join(what === 'all of it' ? place : roomy, 'postgres');
          const task: FullTargetTask = { directory: roomy, backupId: id, serverDirectory };
          const args = [...FULL_TARGET, JSON.stringify(task)];
          const said = await withMount({ kind: 'tmpfs', place, sizeBytes: 200 * MIB }, 'TMPDIR="$place" "$@"', args);
          expect(JSON.parse(said)).toEqual({
            full: {
              reason: expect.stringMatching(reason),
              message: expect.stringMatching(message),
              remedy: expect.stringMatching(/(make room on|look whether) .*; shop is as it was$/),
            },
            kept: [1000],
            again: { isSwapped: true, isExact: true },
            rows: [3500],
            databases: ['shop', expect.stringMatching(/^shop_before_/)],
          });
        } finally {
          rmSync(roomy, { recursive: true, force: true });
        }
      },
    );

    // the server alone takes 48 MiB, and the database 30; a server that cannot write its log either falls
    test.each([
      ['before it begins', 30, 'not-possible', /^not-provable$/, /has [\d.]+ MB left, and .* needs about [\d.]+ MB/],
      [
        'in the middle of the restore',
        62,
        'not-possible',
        /^(storage-failed|unreachable)$/,
        /No space left on device|ECONNRESET|EPIPE|terminated/,
      ],
    ])('a proof that runs out of space %s', async (_, size, outcome, reason, message) => {
      const task: ChildTask = { action: 'verify', connectionString, directory: bench.directory, backupId: id };
      const script = 'export TMPDIR="$place"; "$@"; echo; cd "$place" && find . -mindepth 1';
      const args = [...CHILD, JSON.stringify(task)];
      const said = await withMount({ kind: 'tmpfs', place, sizeBytes: size * MIB }, script, args);
      const [verified = '', ...left] = said.split('\n').filter(Boolean);
      expect(JSON.parse(verified)).toMatchObject({
        outcome,
        reason: expect.stringMatching(reason),
        message: expect.stringMatching(message),
      });
      expect(left).toEqual([]);
      expect((await readBackup(bench.storage, id)).verifications.state).toBe('decoded');
    });
  },
);
