import { recordSpans, RequestRecord, type AttemptRecord, type RequestArrival } from '@clearway/telemetry';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const ARRIVAL: RequestArrival = {
  traceId: TRACE_ID,
  spanId: '00f067aa0ba902b7',
  parentSpanId: undefined,
  traceState: undefined,
  requestId: 'order-4711',
  method: 'GET',
  scheme: 'http',
  host: 'api.example.com',
  httpVersion: '1.1',
  clientAddress: '192.0.2.1',
  userAgent: undefined,
};

/** A finished record of a request to the route tracks; `fill` says what happened. */
export function finishedRecord(
  fill: (record: RequestRecord) => void,
  arrival: Partial<RequestArrival> = {},
): RequestRecord {
  const record = new RequestRecord({ ...ARRIVAL, ...arrival });
  Object.assign(record, { sampled: true, path: '/v1/tracks/7', route: 'tracks', routePattern: '/v1/tracks/:id' });
  Object.assign(record, { routeChoice: 'any host, /v1/tracks/:id, any method', upstream: 'tracks', status: 200 });
  fill(record);
  record.end();
  record.durationMs = 20;
  return record;
}

export function attempt(more: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    spanId: 'aaaaaaaaaaaaaaa1',
    resendCount: 0,
    target: 'http://127.0.0.1:4000',
    startMs: 1,
    sentMs: 3,
    headersMs: 13,
    endMs: 18,
    isUploading: false,
    status: 200,
    reason: undefined,
    cause: undefined,
    ...more,
  };
}

/** The spans that the gateway sends of a record, as the worker gives them. */
export function gatewaySpansOf(...records: readonly RequestRecord[]): object {
  const spans: object[] = [];
  const exportSpan = (span: Parameters<Parameters<typeof recordSpans>[0]['exportSpan']>[0]) => {
    const nano = ([seconds, nanos]: readonly [number, number]) =>
      String(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
    spans.push({
      traceId: span.spanContext().traceId,
      spanId: span.spanContext().spanId,
      ...(span.parentSpanContext && { parentSpanId: span.parentSpanContext.spanId }),
      name: span.name,
      kind: span.kind + 1,
      startTimeUnixNano: nano(span.startTime),
      endTimeUnixNano: nano(span.endTime),
      attributes: attributes(span.attributes),
      events: span.events.map((event) => ({ name: event.name, timeUnixNano: nano(event.time), attributes: [] })),
      status: span.status,
    });
  };
  for (const record of records) recordSpans({ exportSpan, resource: {} as never })(record);
  return resourceSpans('api-gateway', spans);
}

export function resourceSpans(service: string, spans: readonly object[]): object {
  return {
    resource: { attributes: attributes({ 'service.name': service }) },
    scopeSpans: [{ scope: { name: 't' }, spans }],
  };
}

/** A span of a service. Times are milliseconds after the record's start. */
export function serviceSpan(
  record: RequestRecord,
  fields: Record<string, unknown>,
  fromMs: number,
  toMs: number,
): object {
  const nano = (ms: number) => String(BigInt(Math.round((record.startedAtMs + ms) * 1000)) * 1000n);
  const { attributes: own = {}, ...rest } = fields;
  return {
    traceId: TRACE_ID,
    startTimeUnixNano: nano(fromMs),
    endTimeUnixNano: nano(toMs),
    attributes: attributes(own as Record<string, unknown>),
    status: { code: 0 },
    ...rest,
  };
}

export function attributes(values: Readonly<Record<string, unknown>>): object[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: String(value) },
  }));
}

export function logLine(record: RequestRecord, atMs: number, severityNumber: number, text: string): object {
  return {
    timeUnixNano: String(BigInt(Math.round((record.startedAtMs + atMs) * 1000)) * 1000n),
    severityNumber,
    body: { stringValue: text },
    attributes: attributes({ 'track.id': 7 }),
    traceId: TRACE_ID,
  };
}

/** A line of the list of traces. */
export function summary(traceId: string): object {
  return {
    traceId,
    name: 'GET /v1/tracks/:id',
    service: 'api-gateway',
    services: ['api-gateway'],
    startTime: new Date(0).toISOString(),
    durationMs: 20,
    class: 'ordinary',
    spanCount: 2,
    errorCount: 0,
    logCount: 0,
  };
}

type Listener = (req: IncomingMessage, res: ServerResponse) => unknown;
type Answer = object | Listener | undefined;

/** A listener that answers as the operations API does: what it has by path and query, and 404 to everything else. */
export async function startApi(
  answer: (path: string, url: URL) => Answer,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((req, res) => {
    const url = new URL(req.url ?? '/', 'http://x');
    const found = answer(url.pathname, url);
    if (typeof found === 'function') return void (found as Listener)(req, res);
    res.writeHead(found ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(found ?? {}));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
