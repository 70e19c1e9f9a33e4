import type { KeyValue, LogRecord, Span } from '@clearway/contracts';
import { randomBytes } from 'node:crypto';
import type { LogsDelivery, SpansDelivery } from '../../src/traces/otlp/delivery.ts';

export const newTraceId = (): string => randomBytes(16).toString('hex');
export const newSpanId = (): string => randomBytes(8).toString('hex');

/** Milliseconds since 1970 at which the spans of tests start. */
export const T0_MS = Date.UTC(2026, 0, 1);

type Plain = string | number | boolean;

/** A span as a test describes it. */
export interface SpanSketch {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind?: number;
  /** After `T0_MS`. */
  readonly startMs?: number;
  readonly durationMs?: number;
  readonly attributes?: Readonly<Record<string, Plain>>;
  readonly error?: boolean;
}

export function attributes(of: Readonly<Record<string, Plain>>): KeyValue[] {
  return Object.entries(of).map(([key, value]) => {
    if (typeof value === 'string') return { key, value: { stringValue: value } };
    if (typeof value === 'boolean') return { key, value: { boolValue: value } };
    return { key, value: { intValue: String(value) } };
  });
}

/** A whole span: a SERVER span of 10 ms without a parent, unless the sketch says otherwise. */
export function span(sketch: SpanSketch = {}): Span {
  const start = BigInt(T0_MS + (sketch.startMs ?? 0)) * 1_000_000n;
  const end = start + BigInt(Math.round((sketch.durationMs ?? 10) * 1000)) * 1000n;
  return {
    traceId: sketch.traceId ?? newTraceId(),
    spanId: sketch.spanId ?? newSpanId(),
    ...(sketch.parentSpanId !== undefined && { parentSpanId: sketch.parentSpanId }),
    name: sketch.name ?? 'GET',
    kind: sketch.kind ?? 2,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(end),
    attributes: attributes(sketch.attributes ?? {}),
    status: { code: sketch.error ? 2 : 0 },
  };
}

/** The gateway's SERVER span of one request. */
export function gatewaySpan(sketch: SpanSketch & { route?: string; reason?: string; status?: number } = {}): Span {
  const { route = 'tracks', reason, status = 200 } = sketch;
  return span({
    name: 'GET /v1/tracks/*',
    ...sketch,
    attributes: {
      'clearway.route': route,
      'clearway.request_id': `request-of-${sketch.traceId ?? 'nobody'}`,
      'http.request.method': 'GET',
      'url.path': '/v1/tracks/1',
      'http.response.status_code': status,
      ...(reason !== undefined && { 'clearway.reason': reason, 'error.type': reason }),
      ...sketch.attributes,
    },
  });
}

const resource = (service: string) => ({ attributes: attributes({ 'service.name': service }) });

/** Spans as one service delivers them. */
export function delivery(service: string, ...spans: Span[]): SpansDelivery {
  return {
    resourceSpans: [{ resource: resource(service), scopeSpans: [{ scope: { name: 'test' }, spans }] }],
    invalid: 0,
  };
}

/** Log records as one service delivers them. */
export function logDelivery(service: string, ...logRecords: LogRecord[]): LogsDelivery {
  return {
    resourceLogs: [{ resource: resource(service), scopeLogs: [{ scope: { name: 'test' }, logRecords }] }],
    withoutTrace: 0,
  };
}

export function logRecord(traceId: string, text: string): LogRecord {
  return { timeUnixNano: '1', severityNumber: 9, body: { stringValue: text }, attributes: [], traceId };
}
