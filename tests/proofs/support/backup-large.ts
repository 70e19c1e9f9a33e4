import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Compression } from '@clearway/backups';
import { openBenchServer, type BenchServer } from '../../../backend/backups/test/support/bench.ts';
import type { ChildTask } from '../../../backend/backups/test/support/child.ts';
import { cpuSecondsOf } from '../../../backend/backups/test/support/cpu-seconds.ts';
import { startBackupProcess } from '../../../backend/backups/test/support/processes.ts';
import { NEWER_PG_DUMP } from '../../../backend/backups/test/support/programs.ts';
import { openS3Server } from '../../../backend/backups/test/support/s3-server.ts';

/** How a dump is compressed, and by which program. */
export interface Way {
  readonly name: string;
  readonly compression: Compression;
  /** Undefined: the installed one. */
  readonly pgDump?: string | undefined;
  /** A shell's line that makes the same dump without us, of the database `$0` into the file `$1`. */
  readonly plainly: string;
}

/** By pg_dump itself; 15 knows gzip alone, so for zstd a newer one is taken, or its archive goes through zstd. */
export const WAYS = {
  gzip: { name: 'pg_dump -Fc -Z6', compression: 'gzip', plainly: 'pg_dump -Fc -Z6 -f "$1" -d "$0"' },
  zstd: {
    name: 'pg_dump -Fc -Z zstd:3',
    compression: 'zstd',
    pgDump: NEWER_PG_DUMP ?? undefined,
    plainly: 'pg_dump -Fc -Z zstd:3 -f "$1" -d "$0"',
  },
  pipedZstd: {
    name: 'pg_dump -Fc -Z0 | zstd -3',
    compression: 'zstd',
    plainly: 'pg_dump -Fc -Z0 -d "$0" | zstd -q -3 -T1 -o "$1"',
  },
} satisfies Record<string, Way>;

/** What is measured. */
export interface LargeExtent {
  readonly rows: number;
  readonly pairs: Readonly<Record<keyof typeof WAYS, number>>;
  /** Program of an S3-compatible server: memory is measured with an upload, too. */
  readonly s3Server: string | undefined;
}

/** One dump each way, one right after the other. */
export interface Pair {
  readonly pgDumpSeconds: number;
  readonly pgDumpBytes: number;
  readonly oursSeconds: number;
  readonly oursBytes: number;
  readonly memoryBytes: number;
  /** Processor time of server and clients together, which tells more than the clock on a machine that is busy. */
  readonly pgDumpCpuSeconds: number;
  readonly oursCpuSeconds: number;
}

/** What was found. */
export interface LargeFindings {
  readonly databaseBytes: number;
  readonly pgDump: string;
  readonly pairs: Readonly<Record<keyof typeof WAYS, readonly Pair[]>>;
  /** The most that any of our processes took, decoding and uploading included. */
  readonly memoryBytes: number;
  readonly uploadMemoryBytes: number | null;
}

const MAJOR = 15;

/** Measures backups of a large database beside plain dumps of it. */
export async function measureLarge(
  { rows, pairs, s3Server }: LargeExtent,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<LargeFindings> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-large-'));
  const server = await openBenchServer(MAJOR);
  try {
    const source = await server.makeDatabase('large', schemaOf(rows));
    // hint bits are written by whoever reads first
    await server.query(source, 'VACUUM ANALYZE');
    await server.query(source, 'CHECKPOINT');
    const [size] = await server.query<{ size: string }>(source, 'SELECT pg_database_size(current_database()) AS size');
    progress(`a database of ${(Number(size?.size) / 1e9).toFixed(2)} GB`);
    const postmaster = await postmasterOf(server);
    const measured: Record<keyof typeof WAYS, Pair[]> = { gzip: [], zstd: [], pipedZstd: [] };
    for (const way of ['zstd', 'pipedZstd', 'gzip'] as const) {
      for (let i = 0; i < pairs[way]; i++) {
        signal.throwIfAborted();
        const pair = await measurePair(source, WAYS[way], { folder, postmaster });
        measured[way].push(pair);
        const { pgDumpSeconds, oursSeconds } = pair;
        progress(`${WAYS[way].name}: ${pgDumpSeconds.toFixed(1)} s, ${oursSeconds.toFixed(1)} s with the manifest`);
      }
    }
    const uploadMemoryBytes = s3Server === undefined ? null : await measureUpload(source, folder);
    const all = Object.values(measured).flatMap((ones) => ones.map(({ memoryBytes }) => memoryBytes));
    return {
      databaseBytes: Number(size?.size),
      pgDump: await versionOf(server),
      pairs: measured,
      memoryBytes: Math.max(...all, uploadMemoryBytes ?? 0),
      uploadMemoryBytes,
    };
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Rows as applications have them: numbers, texts, times, amounts, and JSON. */
const schemaOf = (rows: number): string => `
CREATE TABLE events AS SELECT g AS id, md5(g::text) AS token, 'event ' || g % 1000 AS name,
  timestamptz '2026-01-01' + g * interval '1 second' AS at, (g % 100000) / 100.0 AS amount
  FROM generate_series(1, ${rows * 0.7}::int) AS g;
CREATE TABLE plays AS SELECT g AS id, g % 50000 AS track, g % 90000 AS listener, now() AS at, g % 300 AS seconds
  FROM generate_series(1, ${rows * 0.2}::int) AS g;
CREATE TABLE tracks AS SELECT g AS id, jsonb_build_object('title', 'track ' || g, 'tags', ARRAY[md5(g::text), 'x']) AS data
  FROM generate_series(1, ${rows * 0.1}::int) AS g;
ALTER TABLE events ADD PRIMARY KEY (id);`;

async function measurePair(
  source: string,
  way: Way,
  { folder, postmaster }: { readonly folder: string; readonly postmaster: number },
): Promise<Pair> {
  const directory = mkdtempSync(path.join(folder, 'ours-'));
  const file = path.join(folder, 'plain.dump');
  // of the sessions that have ended
  const serverSeconds = (): number => cpuSecondsOf(postmaster, true);
  try {
    const before = { server: serverSeconds(), clients: ownChildrenSeconds() };
    const pgDumpSeconds = await plainDump(source, way, file);
    await sleep(SESSIONS_END_MS);
    const between = { server: serverSeconds(), clients: ownChildrenSeconds() };
    const ours = await create(source, directory, { compression: way.compression, pgDump: way.pgDump });
    await sleep(SESSIONS_END_MS);
    return {
      pgDumpSeconds,
      pgDumpBytes: statSync(file).size,
      pgDumpCpuSeconds: between.server - before.server + between.clients - before.clients,
      oursSeconds: ours.durationSeconds,
      oursBytes: ours.sizeBytes,
      oursCpuSeconds: ours.cpuSeconds + serverSeconds() - between.server,
      memoryBytes: ours.memoryBytes,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
    rmSync(file, { force: true });
  }
}

/** How long a server takes to let a session go. */
const SESSIONS_END_MS = 500;

const ownChildrenSeconds = (): number => cpuSecondsOf('self', true);

async function postmasterOf(server: BenchServer): Promise<number> {
  const sql = "SELECT current_setting('data_directory') AS folder";
  const [row] = await server.query<{ folder: string }>(server.adminUrl, sql);
  return Number.parseInt(readFileSync(path.join(row?.folder ?? '', 'postmaster.pid'), 'utf8'), 10);
}

async function plainDump(source: string, { plainly, pgDump }: Way, file: string): Promise<number> {
  const url = new URL(source);
  const password = decodeURIComponent(url.password);
  url.password = '';
  const startMs = performance.now();
  const child = spawn('/bin/sh', ['-c', `${plainly} && sync "$1"`, url.href, file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: `${pgDump ? `${path.dirname(pgDump)}:` : ''}${process.env['PATH']}`, PGPASSWORD: password },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`pg_dump ended with ${code}`);
  return (performance.now() - startMs) / 1000;
}

interface Created {
  readonly durationSeconds: number;
  readonly sizeBytes: number;
  readonly memoryBytes: number;
  readonly cpuSeconds: number;
}

async function create(
  connectionString: string,
  directory: string,
  more: Pick<ChildTask, 'compression' | 'pgDump' | 's3' | 'storesInS3'>,
): Promise<Created> {
  const result = await startBackupProcess({ action: 'create', connectionString, directory, ...more }).result;
  const failures = result?.['failures'] as string[] | undefined;
  if (failures?.length !== 0) throw new Error(JSON.stringify(result));
  return result as unknown as Created;
}

async function measureUpload(source: string, folder: string): Promise<number> {
  const s3 = await openS3Server();
  const directory = mkdtempSync(path.join(folder, 'ours-'));
  try {
    const { memoryBytes } = await create(source, directory, { s3: s3.options(), storesInS3: true });
    return memoryBytes;
  } finally {
    await s3.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function versionOf(server: BenchServer): Promise<string> {
  const [row] = await server.query<{ version: string }>(server.adminUrl, 'SELECT version()');
  return row?.version ?? 'unknown';
}
