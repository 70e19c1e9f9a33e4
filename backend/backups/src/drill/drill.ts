import { randomBytes } from 'node:crypto';
import type { Clock } from '@clearway/kernel';
import { keyOpens } from '../archive/open-dump.ts';
import { listBackups, type StoredBackup } from '../catalogue/catalogue.ts';
import type { BackupEngine } from '../engine/engine.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import { counted } from '../sentences.ts';
import type { OnProgress } from '../progress.ts';
import type { BackupStorage } from '../storage/storage.ts';
import type { DrillReport, DrillStep } from './report.ts';

/** What is rehearsed. */
export interface DrillRequest {
  readonly engine: Pick<BackupEngine, 'verify'>;
  readonly storage: BackupStorage;
  readonly clock: Clock;
  /** Name of the database on its server; any when it is left out. */
  readonly database?: string | undefined;
  /** Private keys of age; asked for when the newest backup is encrypted. */
  readonly identities?: (() => Promise<readonly string[]>) | undefined;
  /** Seconds that a restore may take. */
  readonly objectiveSeconds?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a drill came to, and why it failed when it did. */
export interface DrillResult {
  readonly report: DrillReport;
  readonly failure: BackupFailure | undefined;
}

type Facts = {
  -readonly [
    Key in 'backupId' | 'database' | 'backupAgeSeconds' | 'restoreSeconds' | 'server' | 'tables' | 'rows'
  ]: DrillReport[Key];
};

/** A drill under way. */
interface Drill extends DrillRequest {
  readonly steps: DrillStep[];
  readonly facts: Facts;
}

/**
 * Rehearses the loss of a database: from the storage alone, the newest backup is found, opened with the key, restored
 * into a scratch server, compared table by table, and timed against the objective. Nothing asks the database itself. The
 * verification counts like any other.
 *
 * @throws BackupFailure `interrupted`; `locked` while another one proves that backup
 */
export async function runDrill(request: DrillRequest): Promise<DrillResult> {
  const { clock, storage, objectiveSeconds } = request;
  const startedAt = new Date(clock.nowMs()).toISOString();
  const facts: Facts = {
    backupId: null,
    database: request.database ?? null,
    backupAgeSeconds: null,
    restoreSeconds: null,
    server: null,
    tables: null,
    rows: null,
  };
  const drill: Drill = { ...request, steps: [], facts };
  let failure: BackupFailure | undefined;
  try {
    await rehearse(drill);
  } catch (error) {
    failure = asBackupFailure(error, 'restore-failed');
    // nothing was found out
    if (failure.reason === 'interrupted' || failure.reason === 'locked') throw failure;
  }
  const time = startedAt.replace(/\.\d+/, '').replaceAll(/[-:]/g, '');
  const report: DrillReport = {
    formatVersion: 1,
    id: `${time}-drill-${randomBytes(3).toString('hex')}`,
    startedAt,
    completedAt: new Date(clock.nowMs()).toISOString(),
    outcome: failure ? 'failed' : 'passed',
    storage: storage.id,
    location: storage.location,
    objectiveSeconds: objectiveSeconds ?? null,
    ...facts,
    steps: drill.steps,
    failure: failure
      ? { reason: failure.reason, message: failure.message, ...(failure.remedy && { remedy: failure.remedy }) }
      : null,
  };
  return { report, failure };
}

async function rehearse(drill: Drill): Promise<void> {
  const backup = await step(drill, 'storage', () => findNewest(drill));
  const identities = await step(drill, 'key', () => tryKey(drill, backup));
  await step(drill, 'restore', () => restore(drill, backup, identities));
  await step(drill, 'time', () => Promise.resolve(compareTime(drill)));
}

interface Told<T> {
  readonly message: string;
  readonly isSkipped?: boolean;
  readonly value: T;
}

async function step<T>(drill: Drill, name: DrillStep['name'], work: () => Promise<Told<T>>): Promise<T> {
  try {
    const { message, isSkipped, value } = await work();
    drill.steps.push({ name, status: isSkipped ? 'skipped' : 'passed', message });
    return value;
  } catch (error) {
    const { message } = asBackupFailure(error, 'restore-failed');
    drill.steps.push({ name, status: 'failed', message });
    throw error;
  }
}

async function findNewest({ storage, database, clock, facts }: Drill): Promise<Told<StoredBackup>> {
  const { backups, unreadable } = await listBackups(storage, clock.nowMs());
  const ofDatabase = backups.filter(
    ({ manifest }) =>
      manifest.purpose !== 'safety' && (database === undefined || manifest.source?.database === database),
  );
  const newest = ofDatabase.at(-1);
  if (!newest) {
    const whose = database === undefined ? '' : ` of ${database}`;
    throw new BackupFailure('not-found', `${storage.location} holds no backup${whose}`, {
      remedy: 'make one: clearway backup create',
    });
  }
  const { source, completedAt, content } = newest.manifest;
  facts.backupId = newest.id;
  facts.database = source?.database ?? null;
  facts.backupAgeSeconds = (clock.nowMs() - Date.parse(completedAt)) / 1000;
  facts.tables = content?.tables.length ?? null;
  facts.rows = content?.tables.reduce((sum, { rowCount }) => sum + rowCount, 0) ?? null;
  const broken = unreadable.length === 0 ? '' : `; ${unreadable.length} cannot be read`;
  return { value: newest, message: `${counted(ofDatabase.length, 'backup')}, the newest is ${newest.id}${broken}` };
}

async function tryKey(drill: Drill, backup: StoredBackup): Promise<Told<readonly string[]>> {
  if (!backup.manifest.encryption) return { message: 'the backup is not encrypted', isSkipped: true, value: [] };
  const identities = (await drill.identities?.()) ?? [];
  await keyOpens(backup, identities);
  return { message: 'opens the backup', value: identities };
}

async function restore(drill: Drill, backup: StoredBackup, identities: readonly string[]): Promise<Told<void>> {
  const { engine, onProgress, signal, facts } = drill;
  const level = backup.manifest.content ? 'exact' : 'restore';
  const { verification, failure } = await engine.verify({ backup, level, identities, onProgress, signal });
  facts.restoreSeconds = verification.restoreSeconds ?? null;
  facts.server = verification.server ?? null;
  if (failure) throw failure;
  const equal = level === 'exact' ? 'every table equal to its manifest' : 'restored; there is no manifest to compare';
  const took = `${(facts.restoreSeconds ?? 0).toFixed(1)} s on ${facts.server ?? 'a server'}`;
  return { message: `${equal}, in ${took}`, value: undefined };
}

function compareTime({ objectiveSeconds, facts }: Drill): Told<void> {
  const took = facts.restoreSeconds ?? 0;
  if (objectiveSeconds === undefined) return { message: 'no objective is set', isSkipped: true, value: undefined };
  const message = `the restore took ${took.toFixed(1)} s, and may take ${objectiveSeconds} s`;
  if (took <= objectiveSeconds) return { message, value: undefined };
  throw new BackupFailure('objective-missed', message, {
    remedy: 'use a faster server or smaller backups, or change the objective',
  });
}
