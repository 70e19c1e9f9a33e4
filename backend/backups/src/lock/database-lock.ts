import type pg from 'pg';
import { BackupFailure } from '../failures.ts';

/** Tells our advisory locks from those of other programs: "Clwy" in ASCII. */
const LOCK_CLASS = 0x436c7779;

interface Holder {
  readonly pid: number;
  readonly application: string;
  readonly address: string;
  readonly since: string;
}

/**
 * Takes the lock on one kind of work on a database, for as long as the session's transaction lasts. The server keeps it,
 * so it holds across machines, and it goes with the connection: there is no stale one.
 *
 * @param work such as `backup` or `restore of tracks`
 * @throws BackupFailure `locked`, which names who has it
 */
export async function lockDatabase(client: pg.Client, work: string): Promise<void> {
  const { rows } = await client.query<{ locked: boolean }>(
    'SELECT pg_try_advisory_xact_lock($1::int, hashtext($2)) AS locked',
    [LOCK_CLASS, work],
  );
  if (rows[0]?.locked) return;
  const holder = await findHolder(client, work);
  const who = holder
    ? `${holder.application || 'a program'} from ${holder.address}, process ${holder.pid} of the server, since ${holder.since}`
    : 'another process';
  throw new BackupFailure('locked', `another ${work} is under way: ${who}`, { remedy: 'wait until it has ended' });
}

async function findHolder(client: pg.Client, work: string): Promise<Holder | undefined> {
  const { rows } = await client.query<Holder>(
    `SELECT l.pid, coalesce(a.application_name, '') AS application, coalesce(host(a.client_addr), 'this machine') AS address,
       coalesce(to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'unknown') AS since
     FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1::bigint AND l.objid = (hashtext($2)::bigint & 4294967295)
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1`,
    [LOCK_CLASS, work],
  );
  return rows[0];
}
