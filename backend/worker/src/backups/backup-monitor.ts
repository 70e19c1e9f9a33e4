import {
  isBad,
  monitorBackups,
  type BackedUpDatabase,
  type Backups,
  type BackupCheck,
  type BackupStanding,
} from '@clearway/backups';
import type { Clock } from '@clearway/kernel';
import { startTimer, type PassTimer } from '../database/monitoring/pass-timer.ts';

/** What watching backups needs. */
export interface BackupMonitorOptions {
  /** What is configured at the moment. */
  readonly backups: () => Backups;
  readonly clock: Clock;
  readonly log: { readonly info: Say; readonly warn: Say };
  /** Hears of everything that is seen. */
  readonly onLook: (standing: BackupStanding) => void;
  readonly intervalMs?: number;
}
type Say = (message: string, fields?: object) => unknown;

const INTERVAL_MS = 300_000;

/**
 * Looks at the backups of all databases on a timer of this process, and keeps the last results in memory: neither the
 * queue nor a database has to answer. Every worker looks for itself.
 */
export class BackupMonitor {
  readonly #options: BackupMonitorOptions;
  readonly #standings = new Map<string, BackupStanding>();
  readonly #underWay = new Map<string, Promise<void>>();
  #timer: PassTimer | undefined;

  constructor(options: BackupMonitorOptions) {
    this.#options = options;
  }

  /** What was last seen; a database that was not looked at yet is missing. */
  standings(): readonly BackupStanding[] {
    return this.#options.backups().databases.flatMap(({ id }) => this.#standings.get(id) ?? []);
  }

  /** Begins with a look at once. */
  start(): void {
    const { log, intervalMs = INTERVAL_MS } = this.#options;
    const onError = (error: unknown): unknown => log.warn('backups cannot be looked at', { error });
    this.#timer = startTimer(intervalMs, () => this.#lookAtAll(), { onError });
  }

  /** Looks at all of them anew, since something else is configured now. */
  async reconfigured(): Promise<void> {
    // what is under way was begun with what was configured before
    await Promise.all(this.#underWay.values());
    const { databases } = this.#options.backups();
    for (const id of this.#standings.keys()) {
      if (databases.every((database) => database.id !== id)) this.#standings.delete(id);
    }
    await this.#lookAtAll();
  }

  #lookAtAll(): Promise<unknown> {
    return Promise.all(this.#options.backups().databases.map(({ id }) => this.look(id)));
  }

  /** Looks at the backups of a database now; what is under way is waited for. */
  async look(id: string): Promise<void> {
    const database = this.#options.backups().databases.find((each) => each.id === id);
    if (!database) return;
    const running = this.#underWay.get(id);
    if (running) return running;
    const look = this.#look(database).finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, look);
    return look;
  }

  async close(): Promise<void> {
    await this.#timer?.close();
    await Promise.all(this.#underWay.values());
  }

  async #look(database: BackedUpDatabase): Promise<void> {
    const { backups, clock, log } = this.#options;
    try {
      const options = { workDirectory: backups().workDirectory, nowMs: clock.nowMs() };
      const standing = await monitorBackups(database, options);
      const before = this.#standings.get(database.id);
      this.#standings.set(database.id, standing);
      for (const check of standing.checks) this.#compare(database.id, check, before);
      this.#options.onLook(standing);
    } catch (error) {
      log.warn('backups cannot be looked at', { database: database.id, error });
    }
  }

  #compare(database: string, check: BackupCheck, standing: BackupStanding | undefined): void {
    const before = standing?.checks.find(({ id }) => id === check.id);
    if (before?.status === check.status) return;
    const fields = { database, check: check.id, status: check.status };
    if (isBad(check)) this.#options.log.warn(`backups of ${database}: ${check.message}`, fields);
    else if (before && isBad(before)) this.#options.log.info(`backups of ${database}: ${check.message}`, fields);
  }
}
