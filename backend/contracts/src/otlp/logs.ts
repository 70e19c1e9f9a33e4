import { z } from 'zod';
import { spanIdSchema, traceIdSchema } from '../identifiers.ts';
import { anyValueSchema, keyValueSchema, resourceSchema, scopeSchema, unixNanoSchema } from './common.ts';

/** One log record of a trace, in OTLP's JSON field names. */
export const logRecordSchema = z
  .object({
    timeUnixNano: unixNanoSchema,
    observedTimeUnixNano: unixNanoSchema.exactOptional(),
    severityNumber: z
      .int()
      .min(0)
      .max(24)
      .meta({ description: '1 trace, 5 debug, 9 info, 13 warn, 17 error, 21 fatal.' }),
    severityText: z.string().exactOptional(),
    body: anyValueSchema,
    attributes: z.array(keyValueSchema).readonly(),
    droppedAttributesCount: z.int().exactOptional(),
    flags: z.int().exactOptional(),
    traceId: traceIdSchema,
    spanId: spanIdSchema.exactOptional(),
    eventName: z.string().exactOptional(),
  })
  .readonly()
  .meta({ id: 'LogRecord' });

/** Log records of one library. */
export const scopeLogsSchema = z
  .object({
    scope: scopeSchema,
    schemaUrl: z.string().exactOptional(),
    logRecords: z.array(logRecordSchema).readonly(),
  })
  .readonly()
  .meta({ id: 'ScopeLogs' });

/** Log records of one process. */
export const resourceLogsSchema = z
  .object({
    resource: resourceSchema,
    schemaUrl: z.string().exactOptional(),
    scopeLogs: z.array(scopeLogsSchema).readonly(),
  })
  .readonly()
  .meta({ id: 'ResourceLogs' });

/** OTLP's `LogsData` in JSON: the answer of `GET /api/traces/:traceId/logs`. */
export const logsDataSchema = z
  .object({ resourceLogs: z.array(resourceLogsSchema).readonly() })
  .readonly()
  .meta({ id: 'LogsData', description: "The log records of one trace in OTLP's JSON." });

export type LogRecord = z.output<typeof logRecordSchema>;
export type ScopeLogs = z.output<typeof scopeLogsSchema>;
export type ResourceLogs = z.output<typeof resourceLogsSchema>;
export type LogsData = z.output<typeof logsDataSchema>;
