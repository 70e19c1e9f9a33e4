import type { Columns, MonitoringQuery, RowOf } from '../functions/define.ts';
import { reasonOf, type Answer } from './answer.ts';
import type { Lane } from './lane.ts';

/** Asks questions one after the other until the pass's time is up. */
export interface Asker {
  /** The rows, or why there are none. */
  readonly rows: <C extends Columns>(
    query: MonitoringQuery<C>,
    values?: readonly unknown[],
  ) => Promise<Answer<RowOf<C>[]>>;
}

/**
 * Runs a pass over one connection.
 *
 * @param deadlineMs what was not asked by then is skipped
 * @param perQuestion whether each question has a transaction of its own: for passes that take long, since an open
 *   transaction holds back VACUUM
 * @throws UnreachableError when the connection is gone
 */
export async function runPass<T>(
  lane: Lane,
  options: { readonly deadlineMs: number; readonly perQuestion: boolean },
  work: (asker: Asker) => Promise<T>,
): Promise<T> {
  const endMs = performance.now() + options.deadlineMs;
  const rows: Asker['rows'] = async (query, values) => {
    if (performance.now() > endMs) return { skipped: `the pass was given up after ${options.deadlineMs} ms` };
    try {
      const value = await lane.ask(query, values);
      if (options.perQuestion) await lane.finish();
      return { value };
    } catch (error) {
      return { skipped: reasonOf(error) };
    }
  };
  const result = await work({ rows });
  await lane.finish();
  return result;
}
