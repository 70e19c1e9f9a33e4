import {
  databaseBloatSchema,
  databaseConnectionsSchema,
  databaseEventListSchema,
  databaseHistorySchema,
  databaseIndexesSchema,
  databaseLimitsSchema,
  databaseListSchema,
  databaseLocksSchema,
  databaseQueriesSchema,
  databaseReplicationSchema,
  databaseSizesSchema,
  OWN_DATABASE,
  type DatabaseList,
} from '@clearway/contracts';
import { databaseSummary, databaseViews } from '@clearway/database';
import type { Request, Response } from 'express';
import { z, type ZodType } from 'zod';
import { jsonAnswer, problemAnswer, REFUSALS } from '../../operations/documentation.ts';
import type { Operation } from '../../operations/operation.ts';
import { sendProblem } from '../../operations/problems.ts';
import { validated } from '../../operations/validated.ts';
import type { DatabaseMonitoring, ViewName } from './monitoring.ts';

interface ViewDefinition {
  readonly name: ViewName;
  readonly kind: 'quick' | 'full';
  readonly summary: string;
  readonly schema: ZodType;
}

const VIEWS: readonly ViewDefinition[] = [
  {
    name: 'connections',
    kind: 'quick',
    summary: 'Connections by state and application, long-running sessions, and what to do',
    schema: databaseConnectionsSchema,
  },
  {
    name: 'locks',
    kind: 'quick',
    summary: 'Who waits for whom, from the session that blocks',
    schema: databaseLocksSchema,
  },
  {
    name: 'queries',
    kind: 'quick',
    summary: 'Slow queries, with the routes and traces that issue them',
    schema: databaseQueriesSchema,
  },
  { name: 'replication', kind: 'quick', summary: 'Replicas and replication slots', schema: databaseReplicationSchema },
  {
    name: 'sizes',
    kind: 'full',
    summary: 'The size of the database, its growth, its tables',
    schema: databaseSizesSchema,
  },
  {
    name: 'indexes',
    kind: 'full',
    summary: 'Unused, broken, duplicate and lost indexes, tables read without one, row security',
    schema: databaseIndexesSchema,
  },
  { name: 'bloat', kind: 'full', summary: 'Dead rows, unused space, autovacuum', schema: databaseBloatSchema },
  {
    name: 'limits',
    kind: 'full',
    summary: 'What runs out: sequences and transaction ids',
    schema: databaseLimitsSchema,
  },
];

const databaseName = z.string().max(63).default(OWN_DATABASE).meta({ description: 'The id of the database.' });
const viewQuery = z.strictObject({ database: databaseName });
const eventQuery = z.strictObject({
  database: databaseName,
  limit: z.coerce.number().int().min(1).max(500).default(100),
});
const historyQuery = z.strictObject({
  database: databaseName,
  since: z.iso.datetime().optional().meta({ description: 'Default: an hour ago; figures are kept for a week.' }),
  figures: z.string().max(500).optional().meta({ description: 'Names, separated by commas; all when it is missing.' }),
});
const HOUR_MS = 3_600_000;
const COMMON = { method: 'get', access: 'viewer', recorded: true } as const;
const REFUSED = { '404': problemAnswer('No database has that id.'), ...REFUSALS };

/** `/api/database` and what is below it: results of passes, from memory or from the store. No database is asked. */
export function databaseOperations(monitoring: DatabaseMonitoring): Operation[] {
  return [
    {
      ...COMMON,
      path: '/api/database',
      documentation: {
        summary: 'All watched databases at a glance',
        tags: ['databases'],
        responses: { '200': jsonAnswer('Their checks.', databaseListSchema), ...REFUSALS },
      },
      handle: async (_req, res) => void res.json(await listOf(monitoring)),
    },
    ...VIEWS.map((view) => viewOperation(monitoring, view)),
    {
      ...COMMON,
      path: '/api/database/events',
      documentation: {
        summary: 'What happened to a database, the newest first',
        tags: ['databases'],
        requestParams: { query: eventQuery },
        responses: { '200': jsonAnswer('Events.', databaseEventListSchema), ...REFUSED },
      },
      handle: async (req, res) => {
        const query = known(monitoring, eventQuery, req, res);
        if (query) res.json(await eventsOf(monitoring, query));
      },
    },
    {
      ...COMMON,
      path: '/api/database/history',
      documentation: {
        summary: 'Figures of a database over time',
        description: 'From the database of Clearway: 503 while that does not answer.',
        tags: ['databases'],
        requestParams: { query: historyQuery },
        responses: { '200': jsonAnswer('Samples, the oldest first.', databaseHistorySchema), ...REFUSED },
      },
      handle: async (req, res) => {
        const query = known(monitoring, historyQuery, req, res);
        if (query) await answerHistory(monitoring, query, res);
      },
    },
  ];
}

/** The summaries: this worker's own, or those that the one that watches left. */
export async function listOf(monitoring: DatabaseMonitoring): Promise<DatabaseList> {
  const own = [...monitoring.watches.values()].map((watch) => databaseSummary(watch, Date.now()));
  if (monitoring.isWatching) return { databases: own, watchedBy: 'this worker' };
  const stored = await Promise.all(own.map(({ id }) => monitoring.stored(id, 'quick')));
  return {
    databases: own.map((summary, i) => stored[i]?.summary ?? summary),
    watchedBy: stored.some((document) => document !== undefined) ? 'another worker' : null,
  };
}

function viewOperation(monitoring: DatabaseMonitoring, { name, kind, summary, schema }: ViewDefinition): Operation {
  return {
    ...COMMON,
    path: `/api/database/${name}`,
    documentation: {
      summary,
      description: 'What the last pass found out; the database is not asked.',
      tags: ['databases'],
      requestParams: { query: viewQuery },
      responses: { '200': jsonAnswer('What is known.', schema), ...REFUSED },
    },
    handle: async (req, res) => {
      const query = known(monitoring, viewQuery, req, res);
      const watch = query && monitoring.watches.get(query.database);
      if (!watch) return;
      const stored = monitoring.isWatching ? undefined : await monitoring.stored(query.database, kind);
      res.json(stored?.views[name] ?? databaseViews[name](watch));
    },
  };
}

/** The parameters; undefined when the caller was told what is wrong with them. */
function known<Query extends { readonly database: string }>(
  monitoring: DatabaseMonitoring,
  schema: z.ZodType<Query>,
  req: Request,
  res: Response,
): Query | undefined {
  const query = validated(schema, req.query, res);
  if (!query || monitoring.watches.has(query.database)) return query;
  const detail = `There is no database of that id; there are: ${[...monitoring.watches.keys()].join(', ')}.`;
  sendProblem(res, 'route_not_found', {
    title: 'There is no such database',
    detail,
    remedy: 'Declare it in the section databases of clearway.yaml.',
  });
  return undefined;
}

async function eventsOf(monitoring: DatabaseMonitoring, { database, limit }: z.output<typeof eventQuery>) {
  const stored = await monitoring.store.events(database, limit).catch(() => undefined);
  const own = monitoring.watches.get(database)?.events ?? [];
  return { database, events: stored ?? own.slice(0, limit) };
}

async function answerHistory(
  monitoring: DatabaseMonitoring,
  { database, since, figures }: z.output<typeof historyQuery>,
  res: Response,
): Promise<void> {
  const sinceMs = since === undefined ? Date.now() - HOUR_MS : Date.parse(since);
  const names = figures?.split(',').filter((name) => name !== '') ?? [];
  try {
    res.json(await monitoring.store.history(database, sinceMs, names));
  } catch {
    sendProblem(res, 'internal', {
      status: 503,
      title: 'The figures cannot be read at the moment',
      detail: 'The database of Clearway, which keeps them, does not answer.',
      remedy: 'GET /api/database tells what is known without it.',
    });
  }
}
