import {
  invalidParametersProblemSchema,
  logsDataSchema,
  traceIdSchema,
  traceListSchema,
  traceQuerySchema,
  traceSchema,
  type TraceQuery,
} from '@clearway/contracts';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { jsonAnswer, problemAnswer, REFUSALS } from '../operations/documentation.ts';
import type { Operation } from '../operations/operation.ts';
import { sendProblem } from '../operations/problems.ts';
import { invalidParameters, refuseParameters } from '../operations/validated.ts';
import { InvalidCursorError, type TraceSearch } from './store/find-traces.ts';
import type { TraceStore } from './store/trace-store.ts';

/** Where a person can look at a trace; undefined when there is no such place. */
export type TraceLink = (traceId: string) => string | undefined;

const pathParameters = z.object({ traceId: traceIdSchema });

/**
 * Reads traces: `/api/traces`, `/api/traces/{traceId}` and `/api/traces/{traceId}/logs`.
 *
 * @param link where summaries and traces lead, for example to Jaeger
 */
export function traceOperations(store: TraceStore, link: TraceLink): Operation[] {
  const common = { method: 'get', access: 'viewer', recorded: true } as const;
  const one = { requestParams: { path: pathParameters }, tags: ['traces'] };
  const refusals = {
    '400': problemAnswer('A parameter cannot be used.', invalidParametersProblemSchema),
    ...REFUSALS,
  };
  const unknown = { '404': problemAnswer('No such trace: it was not sampled, has not arrived yet, or was removed.') };
  return [
    {
      ...common,
      path: '/api/traces',
      documentation: {
        summary: 'Recent traces, newest first',
        description: 'All conditions must hold. Failed and slow traces are kept longer than others.',
        tags: ['traces'],
        requestParams: { query: traceQuerySchema },
        responses: { '200': jsonAnswer('A page.', traceListSchema), ...refusals },
      },
      handle: (req, res) => listTraces(store, link, req, res),
    },
    {
      ...common,
      path: '/api/traces/{traceId}',
      documentation: {
        ...one,
        summary: "One trace in OTLP's JSON",
        responses: { '200': jsonAnswer('Its spans by process and library.', traceSchema), ...unknown, ...refusals },
      },
      handle: (req, res) => {
        answerOne(req, res, (traceId) => {
          const trace = store.trace(traceId);
          return trace && { ...trace, ...linked(link, traceId) };
        });
      },
    },
    {
      ...common,
      path: '/api/traces/{traceId}/logs',
      documentation: {
        ...one,
        summary: "The log records of one trace in OTLP's JSON",
        responses: { '200': jsonAnswer('Its log records.', logsDataSchema), ...unknown, ...refusals },
      },
      handle: (req, res) => answerOne(req, res, (traceId) => store.logs(traceId)),
    },
  ];
}

/** Links to Jaeger UI. */
export function jaegerLink(base: string | undefined): TraceLink {
  return (traceId) => base && `${base.replace(/\/+$/, '')}/trace/${traceId}`;
}

function listTraces(store: TraceStore, link: TraceLink, req: Request, res: Response): void {
  const parsed = traceQuerySchema.safeParse(req.query);
  if (!parsed.success) return refuseParameters(res, invalidParameters(parsed.error));
  try {
    const { traces, nextCursor } = store.find(searchOf(parsed.data));
    const summaries = traces.map((summary) => ({ ...summary, ...linked(link, summary.traceId) }));
    res.json({ traces: summaries, ...(nextCursor !== undefined && { nextCursor }) });
  } catch (error) {
    if (!(error instanceof InvalidCursorError)) throw error;
    refuseParameters(res, [{ name: 'cursor', message: error.message }]);
  }
}

function answerOne(req: Request, res: Response, find: (traceId: string) => object | undefined): void {
  const parsed = pathParameters.safeParse(req.params);
  if (!parsed.success) return refuseParameters(res, invalidParameters(parsed.error));
  const found = find(parsed.data.traceId);
  if (found) return void res.json(found);
  sendProblem(res, 'route_not_found', {
    title: 'There is no such trace',
    detail: 'It was not sampled, has not arrived yet, or was removed to make room.',
    remedy: 'Try again in a second; GET /api/traces lists what is there.',
  });
}

function searchOf({ since, ...query }: TraceQuery): TraceSearch {
  return { ...query, ...(since !== undefined && { sinceMs: Date.parse(since) }) };
}

function linked(link: TraceLink, traceId: string): { url?: string } {
  const url = link(traceId);
  return url === undefined ? {} : { url };
}
