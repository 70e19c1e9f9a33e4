import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/** What is used of a pool or a connection. */
export interface Queryable {
  query<Row extends object>(text: string, values?: unknown[]): Promise<{ readonly rows: Row[] }>;
}

/** Who wants to do what, and for how long nobody else may after a sign of life. */
export interface LeaseRequest {
  /** What the lease is for, such as `database-monitor`. */
  readonly name: string;
  /** Of one process; see `leaseHolder`. */
  readonly holder: string;
  readonly ttlMs: number;
}

/** A lease that was got or renewed. */
export interface Lease {
  /** Grows with every change of hands: what is written under an older one can be refused. */
  readonly token: number;
  /** Who had it before; undefined when it was free or had been given back. */
  readonly takenFrom: string | undefined;
}

const ACQUIRE = `
  INSERT INTO leases AS held (name, holder, token, acquired_at, renewed_at, expires_at)
  VALUES ($1, $2, 1, clock_timestamp(), clock_timestamp(), clock_timestamp() + make_interval(secs => $3))
  ON CONFLICT (name) DO UPDATE SET
    holder = excluded.holder,
    token = held.token + (held.holder <> excluded.holder)::int,
    acquired_at = CASE WHEN held.holder = excluded.holder THEN held.acquired_at ELSE excluded.acquired_at END,
    renewed_at = excluded.renewed_at,
    expires_at = excluded.expires_at
  WHERE held.holder = excluded.holder OR held.expires_at <= clock_timestamp()
  RETURNING token::float8 AS token,
    (SELECT holder FROM leases WHERE name = $1 AND holder <> $2 AND expires_at > renewed_at) AS "takenFrom"`;

/**
 * Takes or renews a lease: the right to do something that one process does at a time. It is a row, and one statement by
 * the server's clock, so that it also works behind a pooler in transaction mode; a process that was killed loses it when
 * the time is up.
 *
 * @returns undefined when another holder has it
 * @example
 * const lease = await acquireLease(pool, { name: 'nightly', holder, ttlMs: 30_000 });
 * if (lease) await work();
 */
export async function acquireLease(database: Queryable, request: LeaseRequest): Promise<Lease | undefined> {
  const { name, holder, ttlMs } = request;
  const { rows } = await database.query<{ token: number; takenFrom: string | null }>(ACQUIRE, [
    name,
    holder,
    ttlMs / 1000,
  ]);
  const [row] = rows;
  return row && { token: row.token, takenFrom: row.takenFrom ?? undefined };
}

/** Gives a lease back, so that the next one need not wait for its end. Does nothing when it is not the holder's. */
export async function releaseLease(database: Queryable, name: string, holder: string): Promise<void> {
  await database.query('UPDATE leases SET expires_at = renewed_at WHERE name = $1 AND holder = $2', [name, holder]);
}

/** A name for this process as a holder: where it runs, and different from all others, also those before a restart. */
export function leaseHolder(): string {
  return `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;
}
