import { z } from 'zod';
import { failureReasonSchema } from './problem.ts';
import { traceIdSchema } from './identifiers.ts';

/** One request that the gateway served a short while ago, in one line. */
export const recentRecordSchema = z
  .object({
    id: z.string().meta({ description: 'Request id: the header X-Request-Id of the answer.' }),
    traceId: traceIdSchema,
    time: z.iso.datetime().meta({ description: 'When the request arrived.' }),
    route: z.string().meta({ description: 'Route id, `_none` when no route took it.' }),
    method: z.string(),
    path: z.string().meta({ description: 'Normalised path, without the query.' }),
    status: z.int().min(0).meta({ description: 'Status that the client was given, 0 when it got none.' }),
    reason: failureReasonSchema.exactOptional(),
    durationMs: z.number().min(0),
    upstreamMs: z.number().min(0).meta({ description: 'Of it spent waiting for upstreams.' }),
    attempts: z.int().min(0),
    upstream: z.string().exactOptional(),
    cause: z.string().exactOptional().meta({ description: 'Text of the error behind the reason; for operators only.' }),
    bytesIn: z.int().min(0),
    bytesOut: z.int().min(0),
    kind: z.string().exactOptional().meta({ description: '`exchange`, `stream` or `upgrade`.' }),
    host: z.string().exactOptional().meta({ description: 'Host as the routes saw it.' }),
    queryNames: z
      .array(z.string())
      .readonly()
      .exactOptional()
      .meta({ description: 'Names of the query parameters; their values are never told.' }),
    client: z.string().exactOptional().meta({ description: 'Address of the client; for operators only.' }),
    connectMs: z
      .number()
      .min(0)
      .exactOptional()
      .meta({ description: 'Longest time until an attempt had a connection.' }),
    headersMs: z
      .number()
      .min(0)
      .exactOptional()
      .meta({ description: 'Longest time from sending an attempt to the headers of its answer.' }),
    sampled: z.boolean().meta({ description: 'Whether its spans were kept, so that the trace can be found.' }),
  })
  .readonly()
  .meta({ id: 'RecentRecord' });

/** The answer of the gateway's `GET /api/gateway/records`, newest first. */
export const recentRecordListSchema = z
  .object({ records: z.array(recentRecordSchema).readonly() })
  .readonly()
  .meta({ id: 'RecentRecordList' });

export type RecentRecord = z.output<typeof recentRecordSchema>;
export type RecentRecordList = z.output<typeof recentRecordListSchema>;

/** The answer of the gateway's `GET /api/gateway/configuration`. */
export const activeConfigurationSchema = z
  .object({
    files: z.array(z.string()).readonly(),
    since: z.iso.datetime().meta({ description: 'Since when it has been in force.' }),
    fingerprint: z.string(),
    configuration: z.record(z.string(), z.unknown()),
  })
  .readonly()
  .meta({ id: 'ActiveConfiguration' });

export type ActiveConfiguration = z.output<typeof activeConfigurationSchema>;
