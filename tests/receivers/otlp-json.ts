import { KINDS, type ReceivedLog, type ReceivedSpan } from './received.ts';

interface Pair {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Resource {
  readonly attributes?: readonly Pair[];
}

interface SpansRequest {
  readonly resourceSpans: readonly {
    readonly resource?: Resource;
    readonly scopeSpans: readonly {
      readonly scope?: { readonly name?: string };
      readonly spans?: readonly JsonSpan[];
    }[];
  }[];
}

interface LogsRequest {
  readonly resourceLogs: readonly {
    readonly resource?: Resource;
    readonly scopeLogs: readonly { readonly logRecords?: readonly JsonLog[] }[];
  }[];
}

interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind?: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly Pair[];
  readonly events?: readonly { readonly name: string; readonly timeUnixNano: string }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

interface JsonLog {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly severityText?: string;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly attributes?: readonly Pair[];
}

const toMs = (nanoseconds: string): number => Number(BigInt(nanoseconds)) / 1e6;
const valueOf = (value: Readonly<Record<string, unknown>> = {}): unknown => {
  if ('intValue' in value) return Number(value.intValue);
  return Object.values(value)[0] ?? null;
};
const attributesOf = (pairs: readonly Pair[] = []): Record<string, unknown> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, valueOf(value)]));
const serviceOf = (group: { resource?: Resource }): string | undefined =>
  attributesOf(group.resource?.attributes)['service.name'] as string | undefined;

/** Spans of an OTLP/JSON request. */
export function decodeJsonSpans(body: Buffer): ReceivedSpan[] {
  const { resourceSpans } = JSON.parse(body.toString()) as SpansRequest;
  return resourceSpans.flatMap((group) =>
    group.scopeSpans.flatMap(({ scope, spans = [] }) =>
      spans.map((span) => ({
        service: serviceOf(group),
        scope: scope?.name,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        name: span.name,
        kind: KINDS[span.kind ?? 0] ?? 'unspecified',
        startMs: toMs(span.startTimeUnixNano),
        endMs: toMs(span.endTimeUnixNano),
        attributes: attributesOf(span.attributes),
        events: (span.events ?? []).map(({ name, timeUnixNano }) => ({ name, timeMs: toMs(timeUnixNano) })),
        failed: span.status?.code === 2,
        statusMessage: span.status?.message,
      })),
    ),
  );
}

/** Log records of an OTLP/JSON request. */
export function decodeJsonLogs(body: Buffer): ReceivedLog[] {
  const { resourceLogs } = JSON.parse(body.toString()) as LogsRequest;
  return resourceLogs.flatMap((group) =>
    group.scopeLogs.flatMap(({ logRecords = [] }) =>
      logRecords.map((log) => ({
        service: serviceOf(group),
        severity: log.severityText,
        body: valueOf(log.body),
        attributes: attributesOf(log.attributes),
        traceId: log.traceId ?? '',
        spanId: log.spanId ?? '',
      })),
    ),
  );
}
