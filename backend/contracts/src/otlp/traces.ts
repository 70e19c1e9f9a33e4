import { z } from 'zod';
import { spanIdSchema, traceIdSchema } from '../identifiers.ts';
import { keyValueSchema, resourceSchema, scopeSchema, unixNanoSchema } from './common.ts';

/** `SpanKind` of OTLP: the numbers stand in OTLP's JSON. */
export const SPAN_KIND = { unspecified: 0, internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

/** `StatusCode` of OTLP. */
export const SPAN_STATUS = { unset: 0, ok: 1, error: 2 } as const;

/** Something that happened at a moment within a span. */
export const spanEventSchema = z
  .object({
    timeUnixNano: unixNanoSchema,
    name: z.string(),
    attributes: z.array(keyValueSchema).readonly(),
    droppedAttributesCount: z.int().exactOptional(),
  })
  .readonly()
  .meta({ id: 'SpanEvent' });

/** A pointer to a span of this or another trace. */
export const spanLinkSchema = z
  .object({
    traceId: traceIdSchema,
    spanId: spanIdSchema,
    traceState: z.string().exactOptional(),
    attributes: z.array(keyValueSchema).readonly(),
    droppedAttributesCount: z.int().exactOptional(),
    flags: z.int().exactOptional(),
  })
  .readonly()
  .meta({ id: 'SpanLink' });

/** One span, in OTLP's JSON field names. */
export const spanSchema = z
  .object({
    traceId: traceIdSchema,
    spanId: spanIdSchema,
    traceState: z.string().exactOptional(),
    parentSpanId: spanIdSchema.exactOptional(),
    flags: z.int().exactOptional(),
    name: z.string(),
    kind: z.int().min(0).max(5).meta({ description: '1 internal, 2 server, 3 client, 4 producer, 5 consumer.' }),
    startTimeUnixNano: unixNanoSchema,
    endTimeUnixNano: unixNanoSchema,
    attributes: z.array(keyValueSchema).readonly(),
    droppedAttributesCount: z.int().exactOptional(),
    events: z.array(spanEventSchema).readonly().exactOptional(),
    droppedEventsCount: z.int().exactOptional(),
    links: z.array(spanLinkSchema).readonly().exactOptional(),
    droppedLinksCount: z.int().exactOptional(),
    status: z
      .object({ code: z.int().min(0).max(2), message: z.string().exactOptional() })
      .readonly()
      .meta({ description: 'Code 0 unset, 1 ok, 2 error.' }),
  })
  .readonly()
  .meta({ id: 'Span' });

/** Spans of one library. */
export const scopeSpansSchema = z
  .object({ scope: scopeSchema, schemaUrl: z.string().exactOptional(), spans: z.array(spanSchema).readonly() })
  .readonly()
  .meta({ id: 'ScopeSpans' });

/** Spans of one process. */
export const resourceSpansSchema = z
  .object({
    resource: resourceSchema,
    schemaUrl: z.string().exactOptional(),
    scopeSpans: z.array(scopeSpansSchema).readonly(),
  })
  .readonly()
  .meta({ id: 'ResourceSpans' });

/** OTLP's `TracesData` in JSON. */
export const tracesDataSchema = z
  .object({ resourceSpans: z.array(resourceSpansSchema).readonly() })
  .readonly()
  .meta({ id: 'TracesData' });

/** The answer of `GET /api/traces/:traceId`: OTLP's `TracesData`, and where a person can look at it. */
export const traceSchema = z
  .object({
    ...tracesDataSchema.unwrap().shape,
    url: z.url().exactOptional().meta({ description: 'The trace in Jaeger, when JAEGER_UI_URL is set.' }),
  })
  .readonly()
  .meta({ id: 'Trace', description: "One trace in OTLP's JSON." });

export type SpanEvent = z.output<typeof spanEventSchema>;
export type SpanLink = z.output<typeof spanLinkSchema>;
export type Span = z.output<typeof spanSchema>;
export type ScopeSpans = z.output<typeof scopeSpansSchema>;
export type ResourceSpans = z.output<typeof resourceSpansSchema>;
export type TracesData = z.output<typeof tracesDataSchema>;
export type Trace = z.output<typeof traceSchema>;
