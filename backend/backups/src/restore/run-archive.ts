import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { ByteReader } from '../archive/byte-reader.ts';
import type { OpenArchive, RestoreItem } from '../archive/items.ts';
import { statementsOf } from '../archive/plain-archive.ts';
import { quoteName } from '../connection/session.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import type { OnProgress } from '../progress.ts';

/** How an archive is run. */
export interface RunOptions {
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal | undefined;
  readonly server: ServerFacts;
  /** Whether statements that give something to an owner, or rights to a role, are run. */
  readonly withOwners: boolean;
  /** Whether a role that a statement names and the server has not is made: on a server that is nobody else's. */
  readonly makeRoles?: boolean;
  /** Whether messages are to be without values of rows: they are kept beside a backup that is encrypted, and sent on. */
  readonly hidesRows: boolean;
  /** Whether all is run in a transaction that the session has begun, and that no statement of the dump may end. */
  readonly isOneTransaction?: boolean;
}

/**
 * Runs a dump in the database of a session: statements, rows by COPY, large objects. The first refusal ends it.
 *
 * @throws BackupFailure `restore-failed` with the server's message and the step; `damaged` when the dump cannot be read
 */
export async function runArchive(client: pg.Client, archive: OpenArchive, options: RunOptions): Promise<void> {
  let done = 0;
  for await (const item of archive.items) {
    options.signal?.throwIfAborted();
    const label = 'label' in item ? item.label : item.kind === 'large-object' ? `large object ${item.oid}` : item.table;
    options.onProgress({
      phase: 'restoring',
      done: done++,
      ...(archive.itemCount !== undefined && { total: archive.itemCount }),
      unit: 'statements',
      message: label,
    });
    try {
      await runItem(client, item, options);
    } catch (error) {
      throw refused(error, label, item, options.hidesRows);
    }
  }
}

/** What a server has, as far as a dump may name it. */
export interface ServerFacts {
  /** What names another one is put into the default. */
  readonly tablespaces: ReadonlySet<string>;
  readonly versionNumber: number;
}

/** A newer pg_dump sets it, and servers before 17 do not know it. */
const TRANSACTION_TIMEOUT = /^\s*SET transaction_timeout = 0;\s*/i;
/** A script has them around each large object. */
const TRANSACTION = /^\s*(?:BEGIN|START TRANSACTION|COMMIT|END)\b[^;]*;\s*$/i;
const UNDONE = /^\s*(?:ROLLBACK|ABORT|PREPARE TRANSACTION)\b/i;
const TABLESPACE = /^\s*SET default_tablespace = (?:"((?:[^"]|"")+)"|([a-z_][\w$]*))\s*;\s*/i;

async function runItem(client: pg.Client, item: RestoreItem, options: RunOptions): Promise<void> {
  const { server, signal, withOwners } = options;
  if (item.kind === 'sql') {
    if (item.isAboutRoles && !withOwners) return;
    if (options.isOneTransaction && endsTransaction(item.sql)) return;
    const sql = understoodBy(server, item.sql);
    if (sql.trim() !== '') await runSql(client, sql, options.makeRoles ?? false);
  } else if (item.kind === 'copy') {
    const rows = Readable.from(item.data, { objectMode: false, highWaterMark: 512 * 1024 });
    await pipeline(rows, client.query(copyFrom(item.sql)), ...(signal ? [{ signal }] : []));
  } else if (item.kind === 'script') {
    for await (const sql of statementsOf(new ByteReader(item.data), item)) await client.query(sql);
  } else await writeLargeObject(client, item.oid, item.data);
}

function endsTransaction(sql: string): boolean {
  if (!UNDONE.test(sql)) return TRANSACTION.test(sql);
  throw new BackupFailure('unsupported', 'the script rolls back what it did, which cannot be done in place', {
    remedy: 'restore it beside: without --in-place',
  });
}

/** A dump that was made elsewhere brings no list of the roles that it needs. */
async function runSql(client: pg.Client, sql: string, makeRoles: boolean): Promise<void> {
  for (const made = new Set<string>(); ;) {
    try {
      await client.query(sql);
      return;
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      const role = code === '42704' ? /^role "(.+)" does not exist$/.exec(message)?.[1] : undefined;
      if (!makeRoles || role === undefined || made.has(role)) throw error;
      await client.query(`CREATE ROLE ${quoteName(role)}`);
      made.add(role);
    }
  }
}

/** Metadata came before, with `lo_create`. */
async function writeLargeObject(client: pg.Client, oid: number, data: AsyncIterable<Buffer>): Promise<void> {
  let offset = 0;
  for await (const piece of data) {
    await client.query('SELECT lo_put($1::oid, $2::bigint, $3::bytea)', [oid, offset, piece]);
    offset += piece.length;
  }
}

/** A statement without what a server does not know and does without. The texts of functions stay as they are. */
function understoodBy({ tablespaces, versionNumber }: ServerFacts, sql: string): string {
  const known = sql.replace(TABLESPACE, (statement, quoted?: string, bare?: string) =>
    tablespaces.has(quoted?.replaceAll('""', '"') ?? bare ?? '') ? statement : '',
  );
  return versionNumber < 170_000 ? known.replace(TRANSACTION_TIMEOUT, '') : known;
}

/** Reads what the session's server has. */
export async function readServerFacts(client: pg.Client): Promise<ServerFacts> {
  const { rows } = await client.query<{ name: string; number: number }>(
    `SELECT spcname AS name, pg_catalog.current_setting('server_version_num')::int AS number FROM pg_catalog.pg_tablespace`,
  );
  return { tablespaces: new Set(rows.map(({ name }) => name)), versionNumber: rows[0]?.number ?? 0 };
}

function refused(error: unknown, label: string, item: RestoreItem, hidesRows: boolean): BackupFailure {
  if (error instanceof BackupFailure) return error;
  const { code, where } = error as { code?: string; where?: string };
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return asBackupFailure(error, 'restore-failed');
  const at = where ? `; ${where.split('\n')[0]?.slice(0, 200)}` : '';
  const failure = asBackupFailure(error, 'restore-failed');
  const full = failure.reason === 'storage-failed' ? failure : undefined;
  // an extension comes from the server, not from the dump
  const isExtension = item.kind === 'sql' && /^\s*CREATE EXTENSION\b/i.test(item.sql);
  const reason = isExtension ? 'preflight-refused' : (full?.reason ?? 'restore-failed');
  const remedy = /^role "/.test(failure.message)
    ? 'make the role, or leave owners and rights away: --no-owners'
    : full?.remedy;
  const what = hidesRows ? withoutRows(error as ServerError) : `${failure.message}${at}`;
  return new BackupFailure(reason, `${label}: ${what}`, { cause: error, ...(remedy && { remedy }) });
}

interface ServerError {
  readonly code?: string;
  readonly message?: string;
  readonly table?: string;
  readonly constraint?: string;
}

/** SQLSTATE classes of what is said about names, abilities and resources: they repeat no value. */
const WITHOUT_VALUES = /^(0A|08|3D|3F|42|53|54|57|58)/;

/** What a server said, unless it can repeat what it was given. */
function withoutRows({ code = '', message = '', table, constraint }: ServerError): string {
  if (WITHOUT_VALUES.test(code)) return message;
  const names = [table && `table ${table}`, constraint && `constraint ${constraint}`].filter(Boolean).join(', ');
  return `the server refused it with ${code}${names && ` (${names})`}; what it said is left out, since the backup is encrypted`;
}
