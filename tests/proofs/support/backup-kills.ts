import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '@clearway/kernel';
import { directoryStorage, listBackups, logicalEngine, readBackup, serverScratch } from '@clearway/backups';
import { openBenchServer, type BenchServer } from '../../../backend/backups/test/support/bench.ts';
import { startBackupProcess } from '../../../backend/backups/test/support/processes.ts';
import type { ChildTask } from '../../../backend/backups/test/support/child.ts';
import { BackupKiller } from './backup-killer.ts';

/** How much is killed. */
export interface KillExtent {
  readonly creates: number;
  readonly restores: number;
  readonly rows: number;
}

/** What the kills left behind. */
export interface KillFindings {
  readonly kills: number;
  /** Processes that had ended before they could be killed. */
  readonly endedBefore: number;
  /** Backups that are listed and do not pass `exact`. */
  readonly halfOnesCalledGood: number;
  /** Good backups that were there before and are not there, or not good, any more. */
  readonly goodOnesLost: number;
  /** Times at which the target had neither its old content nor the restored one, whole. */
  readonly torn: number;
  /** Partial folders, databases and journals that the next run left. */
  readonly leftovers: number;
}

/** Kills processes at random moments while they make and restore backups, and looks at what is left each time. */
export async function killBackups(
  extent: KillExtent,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<KillFindings> {
  const server = await openBenchServer();
  const directory = mkdtempSync(path.join(tmpdir(), 'clearway-kills-'));
  try {
    return await new Killing(server, directory, extent, progress, signal).run();
  } finally {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

class Killing {
  readonly #server: BenchServer;
  readonly #directory: string;
  readonly #extent: KillExtent;
  readonly #progress: (text: string) => void;
  readonly #signal: AbortSignal;
  readonly #killer = new BackupKiller();
  readonly #findings = { halfOnesCalledGood: 0, goodOnesLost: 0, torn: 0, leftovers: 0 };

  constructor(
    server: BenchServer,
    directory: string,
    extent: KillExtent,
    progress: (text: string) => void,
    signal: AbortSignal,
  ) {
    this.#server = server;
    this.#directory = directory;
    this.#extent = extent;
    this.#progress = progress;
    this.#signal = signal;
  }

  get #storage() {
    return directoryStorage(this.#directory);
  }

  get #engine() {
    return logicalEngine({
      clock: systemClock,
      tools: { variables: process.env, pgDump: null },
      workDirectory: this.#directory,
      scratch: serverScratch({ clock: systemClock, serverUrl: this.#server.adminUrl, allowSourceServer: true }),
    });
  }

  async run(): Promise<KillFindings> {
    const { rows, creates, restores } = this.#extent;
    const schema = `CREATE TABLE t (id int PRIMARY KEY, v text);
      INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, ${rows}) AS g; CREATE INDEX ON t (v)`;
    const source = await this.#server.makeDatabase('source', schema);
    const made = await this.#engine.create({ connectionString: source, storage: this.#storage });
    const { backup: good } = await this.#engine.verify({ backup: made, level: 'exact' });
    const createTask: ChildTask = {
      action: 'create',
      connectionString: source,
      directory: this.#directory,
      pgDump: null,
    };
    const createMs = await this.#duration(createTask);
    for (let i = 0; i < creates; i++) {
      await this.#killer.kill(createTask, createMs, this.#signal);
      await this.#lookAtBackups(good.id);
      this.#progress(`${i + 1} of ${creates} creates killed`);
    }
    await this.#killRestores(good.id, restores);
    await this.#finish(createTask);
    const { kills, endedBefore } = this.#killer;
    return { kills, endedBefore, ...this.#findings };
  }

  /** Half of the restores are into a new database, half in place. */
  async #killRestores(backupId: string, restores: number): Promise<void> {
    const target = await this.#server.makeDatabase(
      'target',
      "CREATE TABLE t (id int, v text); INSERT INTO t VALUES (1, 'live')",
    );
    const to = new URL(target).pathname.slice(1);
    const task = (inPlace: boolean): ChildTask => ({
      action: 'restore',
      connectionString: this.#server.adminUrl,
      directory: this.#directory,
      pgDump: null,
      backupId,
      to,
      inPlace,
    });
    const restoreMs = await this.#duration(task(false));
    for (let i = 0; i < restores; i++) {
      await this.#killer.kill(task(i % 2 === 1), restoreMs, this.#signal);
      await this.#lookAtTarget(target);
      await this.#lookAtBackups(backupId);
      this.#progress(`${i + 1} of ${restores} restores killed`);
    }
    // a whole one deals with what the killed ones left
    await this.#whole(task(false));
    const restoring = await this.#server.query<{ name: string }>(
      this.#server.adminUrl,
      "SELECT datname AS name FROM pg_database WHERE datname LIKE $1 AND datname LIKE '%\\_restoring\\_%'",
      [`${to}%`],
    );
    this.#findings.leftovers += restoring.length;
    const open = (await this.#engine.restores()).filter(({ step }) =>
      /^(preparing|restoring|compared|swapping)$/.test(step),
    );
    this.#findings.leftovers += open.length;
  }

  async #duration(task: ChildTask): Promise<number> {
    const startMs = performance.now();
    await this.#whole(task);
    return performance.now() - startMs;
  }

  /** Runs a task to its end. The server may still hold the lock of one that was killed. */
  async #whole(task: ChildTask): Promise<void> {
    for (let tries = 0; ; tries++) {
      this.#signal.throwIfAborted();
      const result = await startBackupProcess(task).result;
      if (result && !('failure' in result)) return;
      if (result?.['failure'] !== 'locked' || tries === 100)
        throw new Error(`${task.action}: ${JSON.stringify(result)}`);
      await sleep(100);
    }
  }

  /** What is listed must be exact, however its process ended; and the good one must be there. */
  async #lookAtBackups(goodId: string): Promise<void> {
    const { backups, unreadable } = await listBackups(this.#storage);
    this.#findings.halfOnesCalledGood += unreadable.length;
    for (const backup of backups) {
      if (backup.verifications.state === 'exact') continue;
      const { failure } = await this.#engine.verify({ backup, level: 'exact' });
      if (failure) this.#findings.halfOnesCalledGood++;
    }
    const good = await readBackup(this.#storage, goodId).catch(() => undefined);
    const decoded = good && (await this.#engine.verify({ backup: good, level: 'decode' }));
    if (!decoded || decoded.failure) this.#findings.goodOnesLost++;
  }

  /** The target is what it was, or what was restored: one row or all of them, never anything between. */
  async #lookAtTarget(target: string): Promise<void> {
    const sql = 'SELECT count(*)::int AS count, min(v) AS first FROM t';
    const rows = await this.#server
      .query<{ count: number; first: string }>(target, sql)
      .catch(() => [] as { count: number; first: string }[]);
    const [row] = rows;
    const isOld = row?.count === 1 && row.first === 'live';
    if (!isOld && row?.count !== this.#extent.rows) this.#findings.torn++;
  }

  async #finish(task: ChildTask): Promise<void> {
    await this.#whole(task);
    this.#findings.leftovers += readdirSync(path.join(this.#directory, '.partial')).length;
  }
}
