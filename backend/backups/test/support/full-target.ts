/**
 * Restores a backup to a server whose disk gets full in the middle, and again when there is space, and prints as JSON what
 * came of both. TMPDIR is the small disk: of the whole server, or of its databases alone.
 */
import { BackupFailure, directoryStorage, embeddedScratch, logicalEngine, readBackup } from '@clearway/backups';
import { startEmbeddedPostgres } from '@clearway/database';
import { systemClock } from '@clearway/kernel';
import { chownSync, closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** What the process shall do. */
export interface FullTargetTask {
  readonly directory: string;
  readonly backupId: string;
  /** Where the server lies. */
  readonly serverDirectory: string;
}

const { directory, backupId, serverDirectory } = JSON.parse(process.argv[2] ?? '{}') as FullTargetTask;
const isWholeServer = serverDirectory.startsWith(tmpdir());
const filler = path.join(tmpdir(), 'filler');
const options = { dataDirectory: serverDirectory, databases: [], settings: { fsync: 'off' } };
let server = await startEmbeddedPostgres(options);
const { port } = server;

async function query(database: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url(database) });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    return rows.flat();
  } finally {
    await client.end();
  }
}

/** New databases lie where template0 lies. */
async function putDatabasesOnSmallDisk(): Promise<void> {
  const place = path.join(tmpdir(), 'databases');
  const { uid, gid } = statSync(path.join(server.dataDirectory, 'data'));
  mkdirSync(place);
  chownSync(place, uid, gid);
  await query('postgres', `CREATE TABLESPACE small LOCATION '${place}'`);
  await query('postgres', 'ALTER DATABASE template0 SET TABLESPACE small');
}

/** A server that could not write its log has fallen: it gets up, or is started again. */
async function standUp(): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await query('postgres', 'SELECT 1');
      return;
    } catch (error) {
      if (tries > 200) throw error;
      if ((error as { code?: string }).code === 'ECONNREFUSED')
        server = await startEmbeddedPostgres({ ...options, port });
      else await sleep(100);
    }
  }
}

function fill(): void {
  const file = openSync(filler, 'a');
  const piece = Buffer.alloc(64 * 1024);
  try {
    for (;;) writeSync(file, piece);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

async function restore(isFilling: boolean): Promise<object> {
  const storage = directoryStorage(directory);
  const scratch = embeddedScratch();
  const engine = logicalEngine({ clock: systemClock, tools: { variables: {} }, workDirectory: directory, scratch });
  const onProgress = ({ phase, message = '' }: { phase: string; message?: string }): void => {
    if (isFilling && phase === 'restoring' && message.includes('noise')) fill();
  };
  const request = { serverUrl: server.url('postgres'), database: 'shop', storage, allowUnproven: true, onProgress };
  try {
    const { isSwapped, isExact } = await engine.restore({ backup: await readBackup(storage, backupId), ...request });
    return { isSwapped, isExact };
  } catch (error) {
    if (!(error instanceof BackupFailure)) throw error;
    const { reason, message, remedy } = error;
    return { reason, message, remedy };
  }
}

const databases = (): Promise<unknown[]> =>
  query('postgres', `SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1`);

try {
  if (!isWholeServer) await putDatabasesOnSmallDisk();
  await query('postgres', 'CREATE DATABASE shop TEMPLATE template0');
  await query('shop', 'CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id');
  const full = await restore(true);
  if (isWholeServer) rmSync(filler);
  await standUp();
  const kept = await query('shop', 'SELECT count(*)::int FROM orders');
  rmSync(filler, { force: true });
  const again = await restore(false);
  const rows = await query('shop', 'SELECT count(*)::int FROM noise');
  process.stdout.write(JSON.stringify({ full, kept, again, rows, databases: await databases() }));
} finally {
  await server.stop();
}
