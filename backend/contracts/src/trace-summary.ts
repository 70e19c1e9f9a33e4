import { z } from 'zod';
import { traceIdSchema } from './identifiers.ts';

/** How long a trace is kept when the store is full: ordinary ones go first, failed ones last. */
export const traceClassSchema = z
  .enum(['ordinary', 'slow', 'failed'])
  .meta({ id: 'TraceClass', description: 'What decides how long the trace is kept.' });

/**
 * A trace in one line. Route, reason, status, request id, method, path and duration are those of the gateway's SERVER
 * span, or of the outermost known span when the gateway took no part.
 */
export const traceSummarySchema = z
  .object({
    traceId: traceIdSchema,
    name: z.string().meta({ description: 'Name of the outermost span.' }),
    service: z.string().meta({ description: 'Service of the outermost span.' }),
    services: z.array(z.string()).readonly(),
    startTime: z.iso.datetime(),
    durationMs: z.number().min(0),
    class: traceClassSchema,
    route: z.string().exactOptional().meta({ description: 'Route id.' }),
    method: z.string().exactOptional(),
    path: z.string().exactOptional(),
    status: z.int().exactOptional().meta({ description: 'HTTP status that the client was given.' }),
    reason: z.string().exactOptional().meta({ description: 'Failure class, or error.type of a service.' }),
    requestId: z.string().exactOptional(),
    spanCount: z.int().min(0),
    errorCount: z.int().min(0).meta({ description: 'Spans with status error.' }),
    logCount: z.int().min(0),
    url: z.url().exactOptional().meta({ description: 'The trace in Jaeger, when JAEGER_UI_URL is set.' }),
  })
  .readonly()
  .meta({ id: 'TraceSummary' });

/** A page of summaries, newest first. */
export const traceListSchema = z
  .object({
    traces: z.array(traceSummarySchema).readonly(),
    nextCursor: z.string().exactOptional().meta({ description: 'Give it as `cursor` for the next page.' }),
  })
  .readonly()
  .meta({ id: 'TraceList' });

const MAX_PAGE = 500;
const DEFAULT_PAGE = 50;

/** A number written as text, as the values of a query are. */
const decimal = () =>
  z
    .string()
    .regex(/^\d+(?:\.\d+)?$/, 'expected a number')
    .transform(Number);

/** The query of `GET /api/traces`, read from text. Unknown parameters are refused. */
export const traceQuerySchema = z.strictObject({
  route: z.string().min(1).exactOptional().meta({ description: 'Route id.' }),
  reason: z.string().min(1).exactOptional().meta({ description: 'Failure class.' }),
  minDurationMs: decimal()
    .pipe(z.number())
    .exactOptional()
    .meta({ override: { type: 'number', minimum: 0 } }),
  service: z.string().min(1).exactOptional().meta({ description: 'A service that took part.' }),
  requestId: z.string().min(1).exactOptional(),
  since: z.iso.datetime({ offset: true }).exactOptional().meta({ description: 'Not older than this moment.' }),
  limit: decimal()
    .pipe(z.int().min(1).max(MAX_PAGE))
    .default(DEFAULT_PAGE)
    .meta({ override: { type: 'integer', minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE } }),
  cursor: z
    .string()
    .regex(/^[\w-]{1,100}$/, 'expected the nextCursor of a page')
    .exactOptional(),
});

export type TraceClass = z.output<typeof traceClassSchema>;
export type TraceSummary = z.output<typeof traceSummarySchema>;
export type TraceList = z.output<typeof traceListSchema>;
export type TraceQuery = z.output<typeof traceQuerySchema>;
