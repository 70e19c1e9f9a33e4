import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { separateBatch, undoBatch, type Batch } from './batches.ts';

/** How far it is. */
export interface SeparationStatus {
  /** Posts whose song was in them when the migration began, or still is. */
  readonly total: number;
  readonly done: number;
  readonly errors: number;
  /** The old columns are gone. */
  readonly isContracted: boolean;
}

/** How a run goes about it. */
export interface SeparationOptions {
  readonly connectionString: string;
  /** Posts in one transaction. */
  readonly batchSize?: number;
  /** Share of the time in which it works; the rest is left to requests. Percent. */
  readonly sharePercent?: number;
  /** Stops after the batch that is under way. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (status: SeparationStatus) => void;
}

/** One run at a time moves songs; a number that no other program uses. */
const LOCK = 7_362_001;
const FIRST = '00000000-0000-0000-0000-000000000000';
const PROGRESS_EVERY_MS = 1000;
const CONTRACT = new URL('../../prisma/contract/migration.sql', import.meta.url);

/** Why it cannot be done now, in words for the person who asked. */
export class SeparationRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SeparationRefused';
  }
}

/** How far the separation is. Changes nothing. */
export async function separationStatus(connectionString: string): Promise<SeparationStatus> {
  return withClient(connectionString, readStatus);
}

/**
 * Makes tracks of the songs within posts. Each batch is a transaction of its own: killed at any moment, the next run goes on
 * with what is left.
 *
 * @throws SeparationRefused when another run is under way, or there is nothing to move any more
 */
export function separate(options: SeparationOptions): Promise<SeparationStatus> {
  return run(options, separateBatch);
}

/** Puts the songs back into their posts, with what was changed since. Possible until `contract`. */
export function undo(options: SeparationOptions): Promise<SeparationStatus> {
  return run(options, undoBatch);
}

type MoveBatch = (client: pg.ClientBase, after: string, size: number) => Promise<Batch>;

async function run(options: SeparationOptions, move: MoveBatch): Promise<SeparationStatus> {
  const { connectionString, batchSize = 200, sharePercent = 50, signal, onProgress } = options;
  return withClient(connectionString, async (client) => {
    await takeLock(client);
    if ((await readStatus(client)).isContracted)
      throw new SeparationRefused('the old columns are gone: nothing is left to move');
    let after = FIRST;
    let movedInRound = 0;
    let toldMs = -Infinity;
    while (signal?.aborted !== true) {
      const startMs = performance.now();
      const { moved, failed, last } = await move(client, after, batchSize);
      movedInRound += moved + failed;
      if (last === undefined) {
        // what was locked, or written by the old release meanwhile, is found in a further round
        if (movedInRound === 0) break;
        movedInRound = 0;
      }
      after = last ?? FIRST;
      const busyMs = performance.now() - startMs;
      if (performance.now() - toldMs >= PROGRESS_EVERY_MS) {
        onProgress?.(await readStatus(client));
        toldMs = performance.now();
      }
      await sleep(busyMs * (100 / sharePercent - 1), undefined, signal && { signal }).catch(() => undefined);
    }
    return readStatus(client);
  });
}

/**
 * Takes the old columns away, after which there is no way back.
 *
 * @throws SeparationRefused while a post holds a song that is no track
 */
export async function contract(connectionString: string): Promise<SeparationStatus> {
  const sql = await readFile(CONTRACT, 'utf8');
  return withClient(connectionString, async (client) => {
    await takeLock(client);
    if ((await readStatus(client)).isContracted) return readStatus(client);
    for (let attempt = 1; ; attempt++) {
      // gives way to requests: who waits for this lock makes all others wait behind it
      await client.query("BEGIN; SET LOCAL lock_timeout = '500ms'");
      try {
        await client.query('LOCK TABLE posts IN ACCESS EXCLUSIVE MODE');
        const { total, done, errors } = await readStatus(client);
        if (done < total)
          throw new SeparationRefused(`${total - done} posts still hold a song, ${errors} of them with an error`);
        await client.query(sql);
        await client.query('COMMIT');
        return await readStatus(client);
      } catch (error) {
        await client.query('ROLLBACK');
        if ((error as Partial<pg.DatabaseError>).code !== '55P03' || attempt === 20) throw error;
        await sleep(attempt * 100);
      }
    }
  });
}

/** Has posts with an error tried again in the next run. Returns how many there are. */
export async function retryErrors(connectionString: string): Promise<number> {
  return withClient(
    connectionString,
    async (client) => (await client.query('DELETE FROM separation_errors')).rowCount ?? 0,
  );
}

async function readStatus(client: pg.ClientBase): Promise<SeparationStatus> {
  const { rows: columns } = await client.query(
    `SELECT FROM information_schema.columns
      WHERE table_schema = current_schema() AND table_name = 'posts' AND column_name = 'audio_title'`,
  );
  if (columns.length === 0) return { total: 0, done: 0, errors: 0, isContracted: true };
  const { rows } = await client.query<Omit<SeparationStatus, 'isContracted'>>(
    `SELECT count(*)::float8 AS total, count(separated_at)::float8 AS done,
            (SELECT count(*)::float8 FROM separation_errors) AS errors
       FROM posts WHERE audio_title IS NOT NULL OR separated_at IS NOT NULL`,
  );
  return { ...(rows[0] ?? { total: 0, done: 0, errors: 0 }), isContracted: false };
}

async function takeLock(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ ok: boolean }>('SELECT pg_try_advisory_lock($1) AS ok', [LOCK]);
  if (rows[0]?.ok !== true) throw new SeparationRefused('another run is under way: wait for its end, or stop it');
}

async function withClient<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString, application_name: 'tracks-separation' });
  client.on('error', () => {}); // a connection that breaks also fails the query in progress
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
