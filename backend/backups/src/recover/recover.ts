import { isDeepStrictEqual } from 'node:util';
import { systemClock } from '@clearway/kernel';
import type pg from 'pg';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { databaseOfUrl, withSession } from '../connection/session.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import { whileReading } from '../lock/read-lease.ts';
import type { OnProgress } from '../progress.ts';
import { canonicalCondition, readKey, type Condition } from './keys.ts';
import { readRows, type FoundRows, type Wanted } from './read-rows.ts';
import { moveSequences, sequencesBehind, type SequenceMove } from './sequences.ts';
import {
  compareStaged,
  lockLive,
  lockWriters,
  missingReferences,
  stageRows,
  type ComparedRow,
  type StagedRows,
} from './stage.ts';
import { findTargetTable, readTargetTable, type TargetTable } from './target-table.ts';
import { markWholeRows } from './whole-rows.ts';
import { writeStaged, type Written } from './write.ts';

/** Rows of one table that are to be recovered. */
export interface RecoveredTable {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly string[];
  /** Columns by which its rows are told apart; none when they are compared whole. */
  readonly key: readonly string[];
  /** Columns of the backup that the table has no more: their values are lost. */
  readonly forgotten: readonly string[];
  readonly rows: readonly ComparedRow[];
}

/** What would be written. */
export interface RecoveryPlan {
  readonly backupId: string;
  readonly database: string;
  /** The table that was asked for first, then those that its rows refer to. */
  readonly tables: readonly RecoveredTable[];
  /** Sequences that would be moved, so that they do not give out again what the rows have. */
  readonly sequences: readonly SequenceMove[];
  /** What writing would do; null when there is nothing to write, or it is refused. */
  readonly write: Written | null;
  /** Why the database does not take the rows. */
  readonly refusal: BackupFailure | null;
  /** Rows that are there with other values, and are left alone. */
  readonly leftAlone: number;
}

/** Which rows are to be recovered, and how. */
export interface RecoverRequest {
  readonly backup: StoredBackup;
  readonly connectionString: string;
  readonly table: string;
  /** As `readKey` understands them. */
  readonly keys: readonly string[];
  /** Writes over rows that are there with other values. */
  readonly overwrite?: boolean | undefined;
  /** Takes along the rows that the rows refer to, where they are missing too. */
  readonly withReferences?: boolean | undefined;
  /** Is shown the plan before anything is written, also when it cannot be carried out. */
  readonly show: (plan: RecoveryPlan) => void;
  /** Decides, having seen it, whether the plan is carried out. It is not asked when there is nothing to write. */
  readonly decide: (plan: RecoveryPlan) => Promise<boolean>;
  readonly identities?: readonly string[] | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a recovery came to. */
export interface RecoveryResult {
  readonly plan: RecoveryPlan;
  readonly written: Written | null;
}

const MOST_ROUNDS = 20;
const LOCK_WAIT_SECONDS = 30;

/**
 * Recovers rows out of a backup: reads them, tries to write them in a transaction that is rolled back, lets somebody see
 * them, and writes them in one transaction. Foreign keys, unique keys and rules hold as for anybody who writes.
 *
 * @throws BackupFailure `conflict` when the database does not take them; `not-found` when the backup has none
 */
export async function recoverRows(request: RecoverRequest): Promise<RecoveryResult> {
  const { backup, connectionString, decide } = request;
  const encoding = backup.manifest.source?.encoding ?? 'UTF8';
  if (encoding !== 'UTF8') throw new BackupFailure('unsupported', `rows in ${encoding} cannot be taken out of a dump`);
  return withSession({ connectionString, applicationName: 'clearway-recover' }, async (client) => {
    // triggers that write to tables without a schema find them as they do for others
    await client.query('RESET search_path');
    const reading = { ...request, what: 'recover', clock: systemClock };
    const groups = await whileReading(backup, reading, () => gather(client, request));
    const plan = await inTransaction(client, 'ROLLBACK', () => planOf(client, groups, request));
    request.show(plan);
    if (plan.refusal) throw plan.refusal;
    if (plan.write === null || !(await decide(plan))) return { plan, written: null };
    const written = await inTransaction(client, 'COMMIT', async () => {
      const again = await planOf(client, groups, request);
      if (again.refusal) throw again.refusal;
      // where others have used a sequence meanwhile, that is no change of the rows
      if (!isDeepStrictEqual({ ...again, sequences: plan.sequences }, plan)) {
        throw new BackupFailure('conflict', 'the rows were changed by others since they were shown', {
          remedy: 'look at them again',
        });
      }
      await moveSequences(client, again.sequences);
      return again.write;
    });
    return { plan, written };
  });
}

/** Reads the rows, and as long as they refer to missing ones those too. */
async function gather(client: pg.Client, request: RecoverRequest): Promise<FoundRows[]> {
  const { backup, keys, onProgress = () => {}, ...options } = request;
  const table = await findTargetTable(client, request.table);
  const conditions: Condition[] = [];
  for (const key of keys) conditions.push(await canonicalCondition(client, table, readKey(key, table)));
  let groups: FoundRows[] = [];
  let wanted: Wanted[] = [{ table, conditions }];
  for (let round = 0; wanted.length > 0 && round < MOST_ROUNDS; round++) {
    const found = await readRows(backup, wanted, { ...options, onProgress });
    assertFound(found, wanted, request);
    groups = merged(groups, found);
    wanted = request.withReferences ? await inTransaction(client, 'ROLLBACK', () => references(client, groups)) : [];
  }
  return groups;
}

function assertFound(found: readonly FoundRows[], wanted: readonly Wanted[], { backup }: RecoverRequest): void {
  for (const { table, conditions } of wanted) {
    const rows = found.find((group) => group.table === table)?.rows ?? [];
    if (rows.length > 0) continue;
    const keys = conditions.map((condition) => [...condition].map(([name, value]) => `${name}=${value}`).join(','));
    const what = keys.slice(0, 5).join(' or ');
    throw new BackupFailure('not-found', `${backup.id} holds no row of ${table.name} with ${what}`, {
      remedy: 'look into an older one: --backup ID',
    });
  }
}

/** A table that is found again comes last: what it refers to by others is written after it otherwise. */
function merged(groups: readonly FoundRows[], found: readonly FoundRows[]): FoundRows[] {
  const isOf = (table: TargetTable) => (group: FoundRows) => group.table.oid === table.oid;
  const known = groups.filter(({ table }) => !found.some(isOf(table)));
  const more = found.map((group) => {
    const before = groups.find(isOf(group.table));
    return before ? { ...before, rows: [...before.rows, ...group.rows] } : group;
  });
  return [...known, ...more];
}

async function references(client: pg.Client, groups: readonly FoundRows[]): Promise<Wanted[]> {
  const wanted = new Map<string, { table: TargetTable; conditions: Condition[] }>();
  const staged = await stageAll(client, groups);
  for (const rows of staged) {
    for (const foreignKey of rows.table.foreignKeys) {
      const table = await readTargetTable(client, foreignKey.target);
      const missing = await missingReferences(client, rows, foreignKey, table);
      const unread = missing.filter((condition) => !isGathered(groups, table, condition));
      if (unread.length === 0) continue;
      const known = wanted.get(table.oid) ?? { table, conditions: [] };
      known.conditions.push(...unread);
      wanted.set(table.oid, known);
    }
  }
  return [...wanted.values()];
}

function isGathered(groups: readonly FoundRows[], table: TargetTable, condition: Condition): boolean {
  const group = groups.find((candidate) => candidate.table.oid === table.oid);
  return (
    group?.rows.some((row) => [...condition].every(([name, value]) => row[group.columns.indexOf(name)] === value)) ??
    false
  );
}

async function stageAll(client: pg.Client, groups: readonly FoundRows[]): Promise<StagedRows[]> {
  const staged: StagedRows[] = [];
  for (const [i, group] of groups.entries()) staged.push(await stageRows(client, group, i));
  return staged;
}

/** Compares, and writes: what the transaction of the session makes of it is the caller's decision. */
async function planOf(client: pg.Client, groups: readonly FoundRows[], request: RecoverRequest): Promise<RecoveryPlan> {
  const overwrite = request.overwrite ?? false;
  const staged = await stageAll(client, groups);
  const tables: RecoveredTable[] = [];
  for (const rows of staged) {
    const { schema, name, key } = rows.table;
    const { columns, forgotten } = rows;
    if (key.length === 0) await markWholeRows(client, rows);
    if (overwrite) await lockLive(client, rows);
    tables.push({ schema, table: name, columns, key, forgotten, rows: await compareStaged(client, rows) });
  }
  const statuses = tables.flatMap(({ rows }) => rows.map(({ status }) => status));
  const leftAlone = overwrite ? 0 : statuses.filter((status) => status === 'changed').length;
  const isNothing = statuses.every((status) => status === 'same' || (status === 'changed' && !overwrite));
  const facts = { backupId: request.backup.id, database: databaseOfUrl(request.connectionString), tables, leftAlone };
  const nothing = { ...facts, sequences: [], write: null, refusal: null };
  if (isNothing) return nothing;
  try {
    const sequences = await sequencesToMove(client, staged);
    return { ...facts, sequences, write: await writeStaged(client, staged, overwrite), refusal: null };
  } catch (error) {
    return { ...nothing, refusal: asBackupFailure(error, 'conflict') };
  }
}

/** Nobody else may write to a table whose sequence is to be moved: what others draw from it meanwhile would come twice. */
async function sequencesToMove(client: pg.Client, staged: readonly StagedRows[]): Promise<SequenceMove[]> {
  const moves: SequenceMove[] = [];
  for (const rows of staged) {
    if ((await sequencesBehind(client, rows)).length === 0) continue;
    await lockWriters(client, rows);
    moves.push(...(await sequencesBehind(client, rows)));
  }
  return moves;
}

async function inTransaction<T>(client: pg.Client, end: 'COMMIT' | 'ROLLBACK', work: () => Promise<T>): Promise<T> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = '${LOCK_WAIT_SECONDS}s'`);
  try {
    const result = await work();
    await client.query(end);
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw asBackupFailure(error, 'conflict');
  }
}
