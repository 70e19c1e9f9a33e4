import type { PgBoss } from 'pg-boss';
import { every, type Repeating } from '../../every.ts';
import type { Connections } from '../../queue/connections.ts';
import { advanceReplays } from './advance.ts';
import { restoreVanished } from './restore-vanished.ts';

const RESTORE_INTERVAL_MS = 30_000;

/**
 * What keeps replays going.
 *
 * @param intervalMs how often they are gone on with, in milliseconds
 */
export function replayWork(
  boss: PgBoss,
  connections: Connections,
  intervalMs: number,
  onProblem: (error: Error) => void,
): Repeating[] {
  return [
    every(intervalMs, () => advanceReplays(boss, connections), onProblem),
    every(RESTORE_INTERVAL_MS, () => restoreVanished(connections), onProblem),
  ];
}
