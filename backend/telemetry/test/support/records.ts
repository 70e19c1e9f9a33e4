import { newSpanId, newTraceId, RequestRecord, type AttemptRecord, type RequestArrival } from '@clearway/telemetry';

/** A record of a request to the route `tracks`, sampled and answered with 200 unless told otherwise. */
export function makeRecord(
  arrival: Partial<RequestArrival> = {},
  fields: Partial<Omit<RequestRecord, keyof RequestArrival>> = {},
): RequestRecord {
  const record = new RequestRecord({
    traceId: newTraceId(),
    spanId: newSpanId(),
    parentSpanId: undefined,
    traceState: undefined,
    requestId: 'request-1',
    method: 'GET',
    scheme: 'http',
    host: 'api.example.com:8000',
    httpVersion: '1.1',
    clientAddress: '192.0.2.1',
    userAgent: 'test',
    ...arrival,
  });
  record.path = '/v1/tracks/7';
  record.query = 'token=s3cr3t&page=2';
  record.route = 'tracks';
  record.routePattern = '/v1/tracks/*';
  record.upstream = 'tracks';
  record.status = 200;
  record.sampled = true;
  return Object.assign(record, fields);
}

/** An attempt that was answered with 200 after 4 ms. */
export function makeAttempt(fields: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    spanId: newSpanId(),
    resendCount: 0,
    target: 'http://127.0.0.1:4000',
    startMs: 1,
    sentMs: 2,
    headersMs: 4,
    endMs: 5,
    isUploading: false,
    status: 200,
    reason: undefined,
    cause: undefined,
    ...fields,
  };
}

/** A request whose connection was refused: 502. */
export function makeRefused(arrival: Partial<RequestArrival> = {}): RequestRecord {
  const record = makeRecord(arrival, { status: 502 });
  const cause = 'connect ECONNREFUSED 127.0.0.1:4000';
  record.attempts.push(
    makeAttempt({ sentMs: undefined, headersMs: undefined, status: undefined, reason: 'connect_refused', cause }),
  );
  record.fail('connect_refused', cause);
  return record;
}
