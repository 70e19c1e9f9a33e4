import { z } from 'zod';
import { maybe, rows, time, viewSchema } from './view.ts';

const n = () => z.number();
const text = () => z.string();

/** Who issues a query. */
export const queryCallersSchema = z
  .object({
    applications: z.array(text()).readonly(),
    routes: rows({ route: text(), seen: n().meta({ description: 'How often it was seen.' }) }),
    traces: rows({ traceId: text(), route: maybe(text()), durationMs: maybe(n()), at: time() }),
  })
  .readonly()
  .meta({ id: 'QueryCallers' });

/** The slow queries of a database, and who issues them. */
export const databaseQueriesSchema = viewSchema(
  'DatabaseQueries',
  z
    .object({
      windowSeconds: n().meta({ description: 'Length of the time that the recent figures are of.' }),
      recent: rows({
        queryId: maybe(text()),
        query: maybe(text()).meta({ description: 'Without its values.' }),
        roleName: maybe(text()),
        calls: n(),
        meanMs: n(),
        totalMs: n(),
        rowsPerCall: n(),
        callers: queryCallersSchema,
      }),
      slowest: rows({
        queryId: maybe(text()),
        query: maybe(text()),
        roleName: maybe(text()),
        calls: n(),
        totalMs: n(),
        meanMs: n(),
        maxMs: n(),
        stddevMs: n(),
        rowsReturned: n(),
        cacheHitPercent: maybe(n()),
        tempBlocks: n(),
        visible: z.boolean(),
        callers: queryCallersSchema,
      }),
      byTime: rows({
        queryId: maybe(text()),
        query: maybe(text()),
        roleName: maybe(text()),
        calls: n(),
        totalMs: n(),
        sharePercent: n(),
        meanMs: n(),
        rowsPerCall: n(),
        blocksPerCall: n(),
        cacheHitPercent: maybe(n()),
        readMs: maybe(n()),
        tempBlocks: n(),
        walBytes: n(),
        visible: z.boolean(),
        callers: queryCallersSchema,
      }),
    })
    .readonly(),
);

export type QueryCallers = z.output<typeof queryCallersSchema>;
export type DatabaseQueries = z.output<typeof databaseQueriesSchema>;
