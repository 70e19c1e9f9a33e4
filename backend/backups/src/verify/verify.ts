import { recordVerification, type StoredBackup } from '../catalogue/catalogue.ts';
import type { Verification, VerifyLevel } from '../catalogue/states.ts';
import { withSession } from '../connection/session.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import { compareContent, type Difference } from '../manifest/compare.ts';
import type { OnProgress } from '../progress.ts';
import { restoreInto } from '../restore/restore-into.ts';
import type { Clock } from '@clearway/kernel';
import { checkOtherFiles, decodeBackup } from './decode.ts';
import type { ScratchDatabase, ScratchServer } from './scratch.ts';

/** How a backup is verified. */
export interface VerifyOptions {
  readonly level: VerifyLevel;
  readonly scratch: ScratchServer;
  readonly identities?: readonly string[] | undefined;
  readonly clock: Clock;
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal | undefined;
}

/** What a verification came to. */
export interface VerifyResult {
  /** The copy with its new state. */
  readonly backup: StoredBackup;
  readonly verification: Verification;
  /** Set when the level was not reached. */
  readonly failure: BackupFailure | undefined;
  /** Somebody else had verified it since the moment that was given: nothing was done. */
  readonly isEarlier?: true;
}

/** What is found out besides passing. */
type Found = Pick<Verification, 'decodedBy' | 'restoreSeconds' | 'server' | 'differences'>;

/** Failures that say something about the backup. Others say that it could not be looked at. */
const OF_THE_BACKUP = new Set(['damaged', 'different', 'restore-failed']);
/** SQLSTATE classes that are about the scratch server: no resources, an operator, the system, the connection. */
const OF_THE_SERVER = /^(53|57|58|08)/;

function isDamage({ reason, cause }: BackupFailure): boolean {
  const { code } = (cause ?? {}) as { code?: string };
  return OF_THE_BACKUP.has(reason) && !(code !== undefined && OF_THE_SERVER.test(code));
}

/** SQLSTATEs of what is not there (function, object, table, schema), and of rights that nobody gave. */
const OF_A_PART = /^(42883|42704|42P01|3F000|42501)$/;

/** A dump that was made elsewhere may be of some tables or of rows alone: then it says nothing that it lacks the others. */
function unlessOfAPart({ manifest }: StoredBackup, failure: BackupFailure): BackupFailure {
  const { code } = (failure.cause ?? {}) as { code?: string };
  if (manifest.content || failure.reason !== 'restore-failed' || !OF_A_PART.test(code ?? '')) return failure;
  const message = `${failure.message}. The dump names what it does not hold: it may be a part of a database`;
  const remedy =
    'adopt a dump of the whole database, with --if-exists if with --clean; restore a part with pg_restore or psql, where the rest is';
  return new BackupFailure('not-provable', message, { cause: failure.cause, remedy: failure.remedy ?? remedy });
}

const MOST_DIFFERENCES = 100;

/**
 * Verifies a copy where it lies, and writes down what came of it. What is found wrong is in the result; only what keeps
 * the result from being written down is thrown.
 */
export async function verifyBackup(backup: StoredBackup, options: VerifyOptions): Promise<VerifyResult> {
  const { clock, level } = options;
  const startMs = clock.monotonicMs();
  const found: { -readonly [K in keyof Found]: Found[K] } = {};
  let failure: BackupFailure | undefined;
  try {
    if (level === 'decode') found.decodedBy = (await decodeBackup(backup, options)).by;
    else await proveByRestore(backup, level, options, found);
  } catch (error) {
    failure = unlessOfAPart(backup, asBackupFailure(error, 'not-provable'));
  }
  // whoever stopped it knows; nothing was found out
  if (failure?.reason === 'interrupted') throw failure;
  const verification: Verification = {
    level,
    outcome: failure === undefined ? 'passed' : isDamage(failure) ? 'failed' : 'not-possible',
    at: new Date(clock.nowMs()).toISOString(),
    durationSeconds: (clock.monotonicMs() - startMs) / 1000,
    ...found,
    ...(failure && { reason: failure.reason, message: failure.message }),
  };
  return { backup: await recordVerification(backup, verification), verification, failure };
}

async function proveByRestore(
  backup: StoredBackup,
  level: 'restore' | 'exact',
  options: VerifyOptions,
  found: { -readonly [K in keyof Found]: Found[K] },
): Promise<void> {
  const { content } = backup.manifest;
  if (level === 'exact' && !content) {
    throw new BackupFailure('not-provable', `${backup.id} was made elsewhere: it has no manifest to compare with`, {
      remedy: 'verify it with --level restore',
    });
  }
  await checkOtherFiles(backup);
  const scratch = await options.scratch.open(backup, options.onProgress);
  if ('whyNot' in scratch) throw new BackupFailure('not-provable', scratch.whyNot);
  try {
    found.server = scratch.server;
    await restoreAndCompare(backup, level, scratch, options, found);
  } catch (error) {
    throw scratch.unlike === undefined ? error : unlessOfLocale(error, scratch.unlike, found.differences);
  } finally {
    await scratch.close();
  }
}

async function restoreAndCompare(
  backup: StoredBackup,
  level: 'restore' | 'exact',
  scratch: ScratchDatabase,
  options: VerifyOptions,
  found: { -readonly [K in keyof Found]: Found[K] },
): Promise<void> {
  const startMs = options.clock.monotonicMs();
  const { connectionString, makeRoles, withOwners } = scratch;
  await restoreInto(backup, { ...options, connectionString, makeRoles, withOwners, isOwnServer: makeRoles });
  found.restoreSeconds = (options.clock.monotonicMs() - startMs) / 1000;
  if (level === 'exact') await compare(scratch, backup.manifest, options, found);
}

/** What another locale alone explains says nothing about the backup: bounds of partitions, and generated columns. */
function unlessOfLocale(error: unknown, unlike: string, differences: readonly Difference[] = []): unknown {
  const { cause } = error as { cause?: { code?: string } };
  const isGenerated = differences.length > 0 && differences.every(({ what }) => what.startsWith('generated columns'));
  if (cause?.code !== '23514' && !isGenerated) return error;
  return new BackupFailure('not-provable', `${unlike}, by which this may be explained: ${(error as Error).message}`, {
    cause: error,
    remedy: 'name a server that knows the locale: verify.server',
  });
}

async function compare(
  scratch: ScratchDatabase,
  { content, source }: StoredBackup['manifest'],
  options: VerifyOptions,
  found: { -readonly [K in keyof Found]: Found[K] },
): Promise<void> {
  const session = { connectionString: scratch.connectionString, applicationName: 'clearway-verify' };
  const differences = await withSession(session, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { onProgress, signal } = options;
    const owner = source?.owner ?? '';
    return content
      ? compareContent(client, content, { owner, withOwners: scratch.withOwners, onProgress, signal })
      : [];
  });
  if (differences.length === 0) return;
  found.differences = differences.slice(0, MOST_DIFFERENCES);
  throw differenceFailure(differences);
}

/** The failure that names what differs. */
export function differenceFailure(differences: readonly Difference[]): BackupFailure {
  const shown = differences.slice(0, 3).map(({ kind, name, what }) => `${kind} ${name}: ${what}`);
  const more = differences.length > 3 ? `; and ${differences.length - 3} more` : '';
  return new BackupFailure('different', `the restored database is not what was dumped: ${shown.join('; ')}${more}`);
}
