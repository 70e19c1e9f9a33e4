import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@clearway/kernel';
import {
  directoryStorage,
  listBackups,
  logicalEngine,
  readBackup,
  serverScratch,
  type BackupStorage,
  type StoredBackup,
} from '@clearway/backups';
import { openBenchServer, type BenchServer } from '../../../backend/backups/test/support/bench.ts';
import type { ChildTask } from '../../../backend/backups/test/support/child.ts';
import { cloneBackup } from '../../../backend/backups/test/support/clone-backup.ts';
import { startBackupProcess } from '../../../backend/backups/test/support/processes.ts';
import { openS3Server, type S3Server } from '../../../backend/backups/test/support/s3-server.ts';
import { BackupKiller } from './backup-killer.ts';

/** How much is killed. */
export interface StoredKillExtent {
  readonly uploads: number;
  readonly prunes: number;
}

/** What the kills left behind. */
export interface StoredKillFindings {
  readonly kills: number;
  readonly endedBefore: number;
  readonly halfOnesCalledGood: number;
  readonly goodOnesLost: number;
  readonly leftovers: number;
}

const PART_BYTES = 5 * 2 ** 20;
/** Enough for a dump of several parts. */
const ROWS = 700_000;
const CLONES = 12;
const KEPT = 3;
const DAY_MS = 86_400_000;

/** Kills processes at random moments while they upload and prune backups, in a directory and in S3. */
export async function killStored(
  extent: StoredKillExtent,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<StoredKillFindings> {
  const directory = mkdtempSync(path.join(tmpdir(), 'clearway-kills-stored-'));
  const [server, s3] = await Promise.all([openBenchServer(), openS3Server()]);
  try {
    return await new StoredKilling({ server, s3, directory, extent, progress, signal }).run();
  } finally {
    await Promise.all([server.close(), s3.close()]);
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Parts {
  readonly server: BenchServer;
  readonly s3: S3Server;
  readonly directory: string;
  readonly extent: StoredKillExtent;
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
}

class StoredKilling {
  readonly #parts: Parts;
  readonly #local: BackupStorage;
  readonly #offsite: BackupStorage;
  readonly #killer = new BackupKiller();
  readonly #findings = { halfOnesCalledGood: 0, goodOnesLost: 0, leftovers: 0 };

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#local = directoryStorage(parts.directory);
    this.#offsite = parts.s3.storage({ partSizeBytes: PART_BYTES });
  }

  get #engine() {
    const { server, directory } = this.#parts;
    return logicalEngine({
      clock: systemClock,
      tools: { variables: process.env },
      workDirectory: directory,
      scratch: serverScratch({ clock: systemClock, serverUrl: server.adminUrl, allowSourceServer: true }),
    });
  }

  async run(): Promise<StoredKillFindings> {
    const { server, extent } = this.#parts;
    const schema = `CREATE TABLE t AS SELECT g AS id, md5(g::text) AS v FROM generate_series(1, ${ROWS}) AS g`;
    const source = await server.makeDatabase('source', schema);
    const made = await this.#engine.create({ connectionString: source, storage: this.#local });
    const { backup: good } = await this.#engine.verify({ backup: made, level: 'exact' });
    await this.#killUploads(good, extent.uploads);
    await this.#killPrunes(extent.prunes);
    const { kills, endedBefore } = this.#killer;
    return { kills, endedBefore, ...this.#findings };
  }

  #task(action: 'copy' | 'prune', backupId = ''): ChildTask {
    const { directory, s3, server } = this.#parts;
    const options = s3.options({ partSizeBytes: PART_BYTES });
    return { action, connectionString: server.adminUrl, directory, backupId, s3: options, keepCount: KEPT };
  }

  async #killUploads(good: StoredBackup, uploads: number): Promise<void> {
    const task = this.#task('copy', good.id);
    const usualMs = await this.#duration(task);
    await this.#offsite.remove(good.id);
    for (let i = 0; i < uploads; i++) {
      await this.#killer.kill(task, usualMs, this.#parts.signal);
      await this.#lookAt(this.#offsite, []);
      await this.#lookAt(this.#local, [good.id]);
      // some go on with what is there, some begin anew
      if (i % 3 === 2) await this.#finishUpload(task, good.id);
      this.#parts.progress(`${i + 1} of ${uploads} uploads killed`);
    }
    await this.#finishUpload(task, good.id);
  }

  /** The next run makes it whole, and leaves no part behind. */
  async #finishUpload(task: ChildTask, id: string): Promise<void> {
    await this.#whole(task);
    await this.#lookAt(this.#offsite, [id]);
    this.#findings.leftovers += (await this.#offsite.tidy(Date.now() + DAY_MS)).length;
    await this.#offsite.remove(id);
  }

  async #killPrunes(prunes: number): Promise<void> {
    const small = await this.#parts.server.makeDatabase('small', 'CREATE TABLE t AS SELECT 1 AS id');
    const made = await this.#engine.create({ connectionString: small, storage: this.#local });
    const { backup: good } = await this.#engine.verify({ backup: made, level: 'exact' });
    const task = this.#task('prune');
    const storages = [this.#local, this.#offsite];
    const usualMs = await this.#duration(task);
    for (let i = 0; i < prunes; i++) {
      const newest = await cloneBackup(good, storages, Date.now() - DAY_MS / 2);
      for (let aged = 1; aged <= CLONES; aged++) await cloneBackup(good, storages, Date.now() - (aged + 1) * DAY_MS);
      await this.#killer.kill(task, usualMs + CLONES * 20, this.#parts.signal);
      await this.#lookAt(this.#local, [good.id]);
      await this.#lookAt(this.#offsite, [newest]);
      await this.#whole(task);
      for (const storage of storages) this.#findings.leftovers += await this.#leftoversOf(storage);
      this.#parts.progress(`${i + 1} of ${prunes} prunes killed`);
    }
  }

  /** What is there besides what retention keeps, once it was tidied up. */
  async #leftoversOf(storage: BackupStorage): Promise<number> {
    await storage.tidy(Date.now() + DAY_MS);
    const ids = await storage.list();
    const folder = storage === this.#local ? this.#parts.directory : this.#parts.s3.fileOf('clearway');
    const there = readdirSync(folder).filter((name) => /^\d{8}T/.test(name));
    const clones = ids.filter((id) => id.includes('-small'));
    return (
      there.length - ids.length + Math.max(0, clones.length - KEPT) + (await storage.tidy(Date.now() + DAY_MS)).length
    );
  }

  /** What is listed must be whole and as it was stored, and what has to be there must be there. */
  async #lookAt(storage: BackupStorage, needed: readonly string[]): Promise<void> {
    const { backups, unreadable } = await listBackups(storage);
    this.#findings.halfOnesCalledGood += unreadable.length;
    for (const backup of backups) {
      const { failure } = await this.#engine.verify({ backup, level: 'decode' });
      if (failure) this.#findings.halfOnesCalledGood++;
    }
    for (const id of needed) {
      const there = await readBackup(storage, id).catch(() => undefined);
      if (!there || there.verifications.state === 'damaged') this.#findings.goodOnesLost++;
    }
  }

  async #duration(task: ChildTask): Promise<number> {
    const child = startBackupProcess(task);
    await child.at('begun');
    const startMs = performance.now();
    const result = await child.result;
    if (!result || 'failure' in result) throw new Error(`${task.action}: ${JSON.stringify(result)}`);
    return performance.now() - startMs;
  }

  async #whole(task: ChildTask): Promise<void> {
    this.#parts.signal.throwIfAborted();
    const result = await startBackupProcess(task).result;
    if (!result || 'failure' in result) throw new Error(`${task.action}: ${JSON.stringify(result)}`);
  }
}
