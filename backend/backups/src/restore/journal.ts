import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { identifyProcess, stillRuns } from '@clearway/database';
import { z } from 'zod';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import { makeDirectory, writeDurably } from '../files/durable.ts';

/**
 * How far a restore is. Until `swapping` the database that is to be replaced is as it was; from `swapped` on the
 * restored one has its name, and the old one waits under another until it is confirmed or undone.
 */
export const RESTORE_STEPS = [
  'preparing',
  'restoring',
  'compared',
  'swapping',
  'swapped',
  'beside',
  'in-place',
  'confirmed',
  'undone',
  'failed',
  'cleaned-up',
] as const;

const journalSchema = z.strictObject({
  formatVersion: z.literal(1),
  id: z.string(),
  backupId: z.string(),
  /** The server, without credentials. */
  server: z.string(),
  database: z.string(),
  /** Name of the restored database until it is swapped. */
  newDatabase: z.string(),
  /** Name of the replaced database afterwards; null when there was none. */
  oldDatabase: z.string().nullable(),
  safetyBackupId: z.string().nullable(),
  step: z.enum(RESTORE_STEPS),
  startedAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  owner: z.strictObject({ host: z.string(), process: z.string() }),
  failure: z.strictObject({ reason: z.string(), message: z.string() }).nullable(),
});

/** What is written down of a restore, so that the next run knows what a killed one left. */
export type RestoreJournal = z.infer<typeof journalSchema>;

const FOLDER = 'restores';

/** Keeps journals below a directory. */
export class Journals {
  readonly #folder: string;
  readonly #nowMs: () => number;

  constructor(workDirectory: string, nowMs: () => number) {
    this.#folder = path.join(workDirectory, FOLDER);
    this.#nowMs = nowMs;
  }

  /** Begins a journal. */
  async begin(
    facts: Pick<RestoreJournal, 'backupId' | 'server' | 'database'> & { readonly inPlace: boolean },
  ): Promise<RestoreJournal> {
    const { inPlace, ...rest } = facts;
    const time = this.#now().replace(/\.\d+/, '').replaceAll(/[-:]/g, '');
    const id = `${time}-restore-${randomBytes(3).toString('hex')}`;
    const suffix = id.slice(-6);
    return this.write({
      formatVersion: 1,
      id,
      ...rest,
      newDatabase: inPlace ? rest.database : fittingName(rest.database, `_restoring_${suffix}`),
      oldDatabase: null,
      safetyBackupId: null,
      step: 'preparing',
      startedAt: this.#now(),
      updatedAt: this.#now(),
      owner: { host: hostname(), process: identifyProcess(process.pid) ?? '' },
      failure: null,
    });
  }

  /** Writes a journal down, for good, before what it announces is done. */
  async write(journal: RestoreJournal): Promise<RestoreJournal> {
    const updated = { ...journal, updatedAt: this.#now() };
    try {
      await makeDirectory(this.#folder);
      await writeDurably(path.join(this.#folder, `${journal.id}.json`), `${JSON.stringify(updated, null, 1)}\n`);
    } catch (error) {
      const { reason, message } = asBackupFailure(error, 'storage-failed');
      throw new BackupFailure(reason, `a restore keeps a journal, and this one cannot: ${message}`, {
        cause: error,
        remedy: 'make room there; or copy the backup to a folder that can be written, and restore from that: --dir',
      });
    }
    return updated;
  }

  /** All journals, oldest first. */
  async list(): Promise<RestoreJournal[]> {
    let names: string[];
    try {
      names = await readdir(this.#folder);
    } catch {
      return [];
    }
    const journals: RestoreJournal[] = [];
    for (const name of names.filter((file) => file.endsWith('.json'))) {
      const journal = parse(await readFile(path.join(this.#folder, name), 'utf8'));
      if (journal) journals.push(journal);
    }
    // by the time within: names know no more than the second
    return journals.sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
  }

  /** @throws BackupFailure `not-found` */
  async read(id: string): Promise<RestoreJournal> {
    const journal = (await this.list()).find((candidate) => candidate.id === id);
    if (!journal) {
      throw new BackupFailure('not-found', `there is no restore ${id}`, { remedy: 'clearway backup restore --list' });
    }
    return journal;
  }

  #now(): string {
    return new Date(this.#nowMs()).toISOString();
  }
}

/** Undefined for what is no journal: it must not keep anybody from restoring. */
function parse(text: string): RestoreJournal | undefined {
  try {
    return journalSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Steps at which a restore is not over. */
const OPEN_STEPS: ReadonlySet<RestoreJournal['step']> = new Set(['preparing', 'restoring', 'compared', 'swapping']);

/** Whether a restore is not over by its journal. */
export const isOpen = ({ step }: RestoreJournal): boolean => OPEN_STEPS.has(step);

/**
 * Whether a journal was left by a restore that was killed. To be asked by whoever holds the lock on restores of the
 * database: no other one is under way then, on whatever machine.
 */
export const isLeftBehind = ({ owner, ...journal }: RestoreJournal): boolean =>
  isOpen({ owner, ...journal }) &&
  !(owner.host === hostname() && stillRuns(owner.process) && !isThisProcess(owner.process));

const isThisProcess = (identity: string): boolean => identity === identifyProcess(process.pid);

/** What PostgreSQL lets a name be. */
export const NAME_BYTES = 63;

/** A name with something added, as long as PostgreSQL lets a name be. */
export function fittingName(name: string, suffix: string): string {
  let kept = name;
  while (Buffer.byteLength(kept + suffix) > NAME_BYTES) kept = kept.slice(0, -1);
  return kept + suffix;
}
