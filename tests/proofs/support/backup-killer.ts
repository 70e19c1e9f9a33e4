import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildTask } from '../../../backend/backups/test/support/child.ts';
import { startBackupProcess } from '../../../backend/backups/test/support/processes.ts';

/** Kills processes that work on backups at random moments, and counts. */
export class BackupKiller {
  kills = 0;
  /** Processes that had ended before they could be killed. */
  endedBefore = 0;
  readonly #shortestMs = new Map<ChildTask['action'], number>();

  /** Starts a process and kills it within the time that it usually takes, in milliseconds. */
  async kill(task: ChildTask, usualMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const child = startBackupProcess(task);
    await child.at('begun');
    const startMs = performance.now();
    // a machine that is less busy than when the usual time was measured is quicker
    const lastingMs = Math.min(usualMs, this.#shortestMs.get(task.action) ?? Infinity);
    await Promise.race([sleep(Math.random() * lastingMs), child.result]);
    if (child.process.exitCode === null && child.process.kill('SIGKILL')) this.kills++;
    else {
      this.endedBefore++;
      this.#shortestMs.set(task.action, performance.now() - startMs);
    }
    await child.result;
  }
}
