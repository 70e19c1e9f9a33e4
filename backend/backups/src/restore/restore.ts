import { randomBytes } from 'node:crypto';
import type { Clock } from '@clearway/kernel';
import type pg from 'pg';
import { openSession, placeOfUrl, quoteName, quoteText, urlOfDatabase, withSession } from '../connection/session.ts';
import type { BackupEngine, RestoreRequest } from '../engine/engine.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import { lockDatabase } from '../lock/database-lock.ts';
import { compareContent } from '../manifest/compare.ts';
import { databaseSql } from '../manifest/roles.ts';
import type { BackupProgress } from '../progress.ts';
import { differenceFailure } from '../verify/verify.ts';
import { cleanUpLeftBehind, giveUp } from './clean-up.ts';
import { createDatabaseLike } from './create-database.ts';
import { restoreInPlace } from './in-place.ts';
import { fittingName, isOpen, Journals, NAME_BYTES, type RestoreJournal } from './journal.ts';
import { assertPreflight, preflight, type PreflightCheck } from './preflight.ts';
import { restoreInto } from './restore-into.ts';
import { databaseExists, swapDatabases, SwapNotAllowed } from './swap.ts';

/** What a restore came to. */
export interface RestoreResult {
  /** Of its journal: what confirms or undoes it. */
  readonly id: string;
  readonly backupId: string;
  /** Where the restored data are now. */
  readonly database: string;
  /** Whether they have the name that was asked for. */
  readonly isSwapped: boolean;
  /** Under which name the replaced database is kept until it is confirmed. */
  readonly oldDatabase: string | null;
  readonly safetyBackupId: string | null;
  /** Whether every table is equal to the manifest; null for a dump without one. */
  readonly isExact: boolean | null;
  readonly restoreSeconds: number;
  readonly checks: readonly PreflightCheck[];
  /** What somebody should know or do. */
  readonly notes: readonly string[];
}

/** What a restore needs besides the request. */
export interface RestoreDependencies {
  readonly clock: Clock;
  readonly workDirectory: string;
  /** Makes the safety backup. */
  readonly engine: Pick<BackupEngine, 'create'>;
}

/** A restore under way. */
interface Work extends RestoreDependencies {
  readonly request: RestoreRequest;
  readonly admin: pg.Client;
  readonly journals: Journals;
  readonly notes: string[];
  readonly onProgress: (progress: BackupProgress) => void;
}

/**
 * Restores a backup under the name of a database. What has that name is backed up first, stays as it is until the
 * restored one was compared with the manifest, and is kept under another name afterwards. A run that is killed leaves a
 * journal, by which the next one cleans up.
 *
 * @throws BackupFailure; what had the name before has it still
 */
export async function restoreBackup(
  request: RestoreRequest,
  dependencies: RestoreDependencies,
): Promise<RestoreResult> {
  assertName(request.database);
  const session = { connectionString: request.serverUrl, applicationName: 'clearway-restore' };
  const lock = await openSession(session);
  try {
    await lock.query('BEGIN');
    await lockDatabase(lock, `restore of ${request.database}`);
    return await withSession(session, (admin) => {
      const journals = new Journals(dependencies.workDirectory, () => dependencies.clock.nowMs());
      const onProgress = request.onProgress ?? (() => {});
      return restoreLocked({ ...dependencies, request, admin, journals, notes: [], onProgress });
    });
  } finally {
    await lock.end().catch(() => {});
  }
}

/**
 * Looks at everything that a restore needs, and changes nothing.
 *
 * @throws BackupFailure `unreachable`
 */
export async function checkRestore(request: RestoreRequest): Promise<PreflightCheck[]> {
  assertName(request.database);
  const session = { connectionString: request.serverUrl, applicationName: 'clearway-restore' };
  return withSession(session, (admin) => preflight(request.backup, { ...request, admin }));
}

/** The server would cut a longer name, and everything that is made after it is a copy of a template. */
function assertName(database: string): void {
  const isTemplate = /^template[01]$/.test(database);
  if (!isTemplate && database !== '' && Buffer.byteLength(database) <= NAME_BYTES) return;
  const why = isTemplate ? 'what new databases are copied from' : `no name of 1 to ${NAME_BYTES} bytes`;
  throw new BackupFailure('preflight-refused', `'${database}' is ${why}`, { remedy: 'take another name: --to NAME' });
}

async function restoreLocked(work: Work): Promise<RestoreResult> {
  const { request, admin, journals, notes } = work;
  const { backup, database, serverUrl } = request;
  const server = placeOfUrl(urlOfDatabase(serverUrl, '')).replace(/\/.*$/, '');
  notes.push(...(await cleanUpLeftBehind(admin, journals, { server, database })));
  work.onProgress({ phase: 'preparing', message: 'checking what the restore needs' });
  const checks = await preflight(backup, { ...request, admin });
  assertPreflight(checks);
  notes.push(...checks.filter(({ status }) => status === 'warning').map(({ name, message }) => `${name}: ${message}`));
  const inPlace = request.inPlace ?? false;
  let journal = await journals.begin({ backupId: backup.id, server, database, inPlace });
  try {
    if (await databaseExists(admin, database)) journal = await journals.write(await withSafetyBackup(work, journal));
    const startMs = work.clock.monotonicMs();
    journal = await journals.write({ ...journal, step: 'restoring' });
    const done = inPlace ? await fillInPlace(work, journal) : await restoreBeside(work, journal);
    const restoreSeconds = (work.clock.monotonicMs() - startMs) / 1000;
    return { ...done, backupId: backup.id, restoreSeconds, checks, notes };
  } catch (error) {
    const failure = asBackupFailure(error, 'restore-failed');
    // what the server cannot be asked now, the next run finds in the journal
    const ended = await giveUp(admin, journals, journal.id, failure).catch(() =>
      journals.read(journal.id).catch(() => undefined),
    );
    throw ended ? withWhatIsLeft(failure, ended) : failure;
  }
}

/** Says how the database is that was to be replaced, and what a full disk or a server that fell keeps from being removed. */
function withWhatIsLeft(failure: BackupFailure, journal: RestoreJournal): BackupFailure {
  const { step, database, newDatabase, safetyBackupId } = journal;
  // in place, a connection that was lost may have been lost after all was done
  if (step === 'swapping' || step === 'swapped' || newDatabase === database) return failure;
  const left = [
    ...(failure.remedy === undefined ? [] : [failure.remedy]),
    ...(isOpen(journal) ? [`the next restore to ${database} removes ${newDatabase}`] : []),
    ...(safetyBackupId === null ? [] : [`${database} is as it was`]),
  ];
  if (left.length === 0) return failure;
  return new BackupFailure(failure.reason, failure.message, { cause: failure, remedy: left.join('; ') });
}

async function withSafetyBackup(
  { request, engine, onProgress }: Work,
  journal: RestoreJournal,
): Promise<RestoreJournal> {
  const { serverUrl, database, storage, backup, signal } = request;
  onProgress({ phase: 'safety-backup', message: `backing up ${database} as it is now` });
  try {
    const safety = await engine.create({
      connectionString: urlOfDatabase(serverUrl, database),
      storage,
      purpose: 'safety',
      recipients: request.recipients ?? backup.manifest.encryption?.recipients ?? [],
      signal,
      onProgress,
    });
    return { ...journal, safetyBackupId: safety.id };
  } catch (error) {
    const failure = asBackupFailure(error, 'safety-failed');
    if (failure.reason === 'interrupted' || failure.reason === 'locked') throw failure;
    throw new BackupFailure('safety-failed', `no safety backup of ${database}: ${failure.message}`, {
      cause: failure,
      remedy: failure.remedy ?? 'restore under another name: --to NAME',
    });
  }
}

type Done = Pick<RestoreResult, 'id' | 'database' | 'isSwapped' | 'oldDatabase' | 'safetyBackupId' | 'isExact'>;

async function fillInPlace(work: Work, journal: RestoreJournal): Promise<Done> {
  const { request, journals } = work;
  const connectionString = urlOfDatabase(request.serverUrl, request.database);
  const isExact = await restoreInPlace(request.backup, {
    ...request,
    withOwners: !request.withoutOwners,
    onProgress: work.onProgress,
    connectionString,
  });
  await journals.write({ ...journal, step: 'in-place' });
  const { id, safetyBackupId } = journal;
  return { id, database: request.database, isSwapped: true, oldDatabase: null, safetyBackupId, isExact };
}

async function restoreBeside(work: Work, begun: RestoreJournal): Promise<Done> {
  const { request, admin, journals, notes, onProgress } = work;
  const { backup, serverUrl, database } = request;
  const { newDatabase, id } = begun;
  const warning = await createDatabaseLike(admin, newDatabase, backup.manifest.source);
  if (warning !== undefined) notes.push(warning);
  await admin.query(`COMMENT ON DATABASE ${quoteName(newDatabase)} IS ${quoteText(`clearway restore ${id}`)}`);
  const connectionString = urlOfDatabase(serverUrl, newDatabase);
  const makeRoles = request.makeRoles ?? false;
  const withOwners = !request.withoutOwners;
  await restoreInto(backup, { ...request, connectionString, makeRoles, withOwners, isOwnServer: false, onProgress });
  const isExact = await compareRestored(work, connectionString);
  if (backup.manifest.source) await applySettings(work, newDatabase);
  const compared = await journals.write({ ...begun, step: 'compared' });
  const { isSwapped, oldDatabase } = await swap(work, compared);
  const { safetyBackupId } = compared;
  return { id, database: isSwapped ? database : newDatabase, isSwapped, oldDatabase, safetyBackupId, isExact };
}

async function compareRestored({ request, onProgress }: Work, connectionString: string): Promise<boolean | null> {
  const { content, source } = request.backup.manifest;
  if (!content) return null;
  const how = { owner: source?.owner ?? '', withOwners: !request.withoutOwners, onProgress, signal: request.signal };
  const differences = await withSession({ connectionString, applicationName: 'clearway-restore' }, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return compareContent(client, content, how);
  });
  if (differences.length > 0) throw differenceFailure(differences);
  return true;
}

/** Settings of the database itself, which no dump holds. A role that may not set one is told, and the rest is done. */
async function applySettings({ request, admin, notes }: Work, newDatabase: string): Promise<void> {
  const { source } = request.backup.manifest;
  if (!source) return;
  for (const sql of databaseSql(source, newDatabase).split('\n').filter(Boolean)) {
    await admin.query(sql).catch((error: Error) => notes.push(`not set: ${sql} (${error.message})`));
  }
  if (request.withoutOwners) return;
  const owner = quoteName(source.owner);
  await admin
    .query(`ALTER DATABASE ${quoteName(newDatabase)} OWNER TO ${owner}`)
    .catch((error: Error) => notes.push(`the database could not be given to ${source.owner}: ${error.message}`));
}

async function swap(work: Work, journal: RestoreJournal): Promise<{ isSwapped: boolean; oldDatabase: string | null }> {
  const { request, admin, journals, notes, onProgress } = work;
  const { database, serverUrl } = request;
  const isTaken = await databaseExists(admin, database);
  const time = journal.startedAt
    .replace(/\.\d+Z$/, '')
    .replaceAll(/[-:]/g, '')
    .toLowerCase();
  const oldDatabase = isTaken ? fittingName(database, `_before_${time}_${randomBytes(1).toString('hex')}`) : null;
  const swapping = await journals.write({ ...journal, step: 'swapping', oldDatabase });
  onProgress({ phase: 'swapping', message: `giving the restored database the name ${database}` });
  try {
    await swapDatabases(serverUrl, { database, oldDatabase, newDatabase: journal.newDatabase });
  } catch (error) {
    if (!(error instanceof SwapNotAllowed)) throw error;
    await journals.write({ ...swapping, step: 'beside', oldDatabase: null });
    const url = placeOfUrl(urlOfDatabase(serverUrl, journal.newDatabase));
    notes.push(
      `the server does not let databases be renamed (${error.message}): the restored one is ${journal.newDatabase}`,
      `change the database in DATABASE_URL to ${journal.newDatabase} (${url}), and restart what uses it`,
    );
    return { isSwapped: false, oldDatabase: null };
  }
  await journals.write({ ...swapping, step: 'swapped' });
  if (oldDatabase !== null) {
    notes.push(
      `the database that had the name before is kept as ${oldDatabase} until: clearway backup restore --confirm ${journal.id}`,
    );
  }
  return { isSwapped: true, oldDatabase };
}
