import type { Queryable } from '@clearway/database';

/**
 * A database that is given up when it says nothing: results are kept the next time, and nobody waits for a server that hangs.
 *
 * @param limitMs for one statement
 */
export function boundedQueries(database: Queryable, limitMs: number): Queryable {
  return {
    async query<Row extends object>(text: string, values?: unknown[]): Promise<{ readonly rows: Row[] }> {
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
      });
      const answer = database.query<Row>(text, values);
      // when it comes too late nobody listens any more
      answer.catch(() => undefined);
      try {
        return await Promise.race([answer, limit]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
