import { createTraceState, SpanKind } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import { newSpanId } from '../record/ids.ts';
import type { AttemptRecord, PolicyRecord, RequestRecord } from '../record/request-record.ts';
import { scrub, scrubPath } from '../redaction/scrub.ts';
import { isKnownMethod, redactQuery } from './http-attributes.ts';
import { closeLong, integerKey, openLong, textKey, valueStart, writeInteger, writeText } from './otlp-attributes.ts';
import { attribute, eventBlocks, field, integerField, resourceBlock } from './otlp-blocks.ts';
import { OtlpTemplates } from './otlp-templates.ts';
import { ProtobufBuffer } from './protobuf-buffer.ts';
import { POLICY_SPAN_FROM_MS, SCOPE } from './record-spans.ts';

/** More than all fields of fixed size of one span. */
const SLACK_BYTES = 4096;

/** With tag and length. */
const TRACE_ID_BYTES = 18;

const CLIENT_ADDRESS = textKey('client.address');
const ERROR_TYPE = textKey('error.type');
const METHOD_ORIGINAL = textKey('http.request.method_original');
const POLICY = textKey('clearway.policy');
const POLICY_OUTCOME = textKey('clearway.policy.outcome');
const REASON = textKey('clearway.reason');
const REQUEST_ID = textKey('clearway.request_id');
const URL_FULL = textKey('url.full');
const URL_PATH = textKey('url.path');
const URL_QUERY = textKey('url.query');
const USER_AGENT = textKey('user_agent.original');
const REQUEST_SIZE = integerKey('http.request.body.size');
const RESEND_COUNT = integerKey('http.request.resend_count');
const RESPONSE_SIZE = integerKey('http.response.body.size');
const STATUS_CODE = integerKey('http.response.status_code');
const SLOW = attribute(9, 'clearway.slow', true);
const NEVER_SLOW = attribute(9, 'clearway.slow', false);
const ANSWERED = eventBlocks('answered');
const SENT = eventBlocks('sent');
const HEADERS = eventBlocks('headers');
const ERROR_CODE = integerField(3, 2);
const ERROR = field(15, ERROR_CODE);
const INTERNAL = integerField(6, SpanKind.INTERNAL + 1);
/** fixed32: the trace flags, and whether the parent is known to be remote (0x100) and is (0x200). */
const FLAGS = Buffer.of(0x85, 0x01, 0x01, 0x01, 0, 0);
const FLAGS_REMOTE_PARENT = Buffer.of(0x85, 0x01, 0x01, 0x03, 0, 0);

/**
 * Encodes the spans of records as one ExportTraceServiceRequest, field for field what `recordSpans` and OpenTelemetry's
 * serializer make of them, without an object in between: at thousands of requests a second those are most of the cost.
 *
 * Source: opentelemetry/proto/trace/v1/trace.proto.
 *
 * @example
 * encoder.begin(buffer);
 * if (encoder.encode(record) > 0) send(encoder.finish());
 */
export class OtlpRecordEncoder {
  readonly #resource: Buffer;
  readonly #templates = new OtlpTemplates();
  #out = new ProtobufBuffer(Buffer.alloc(0), 0);
  #scopeAt = 0;
  /** Of the record that is being written. */
  #traceState = '';
  #traceIdAt = 0;
  #pathAt = 0;
  #pathBytes = 0;
  #queryAt = 0;
  #queryBytes = 0;

  constructor(resource: Resource) {
    this.#resource = Buffer.concat([
      resourceBlock(resource),
      resource.schemaUrl === undefined ? Buffer.alloc(0) : field(3, resource.schemaUrl),
    ]);
  }

  /** Starts a request in `bytes`, which it is free to use until `finish`. */
  begin(bytes: Buffer): void {
    const out = new ProtobufBuffer(bytes, SLACK_BYTES);
    this.#out = out;
    out.byte(0x0a);
    out.open();
    out.copy(this.#resource);
    out.byte(0x12);
    this.#scopeAt = out.open();
    out.copy(field(1, field(1, SCOPE.name)));
  }

  /** The request with all records since `begin`. */
  finish(): Buffer {
    this.#out.close(this.#scopeAt);
    this.#out.close(1);
    return this.#out.bytes.subarray(0, this.#out.position);
  }

  /**
   * Adds the spans of one record.
   *
   * @returns how many, or 0 when there is no room for all: then none was added
   */
  encode(record: RequestRecord): number {
    const out = this.#out;
    const start = out.position;
    let spans = 0;
    try {
      spans = this.#spans(record);
    } finally {
      // what is incomplete would spoil the spans of all others
      if (spans === 0 || out.isFull) {
        out.isFull = false;
        out.position = start;
        spans = 0;
      }
    }
    return spans;
  }

  #spans(record: RequestRecord): number {
    const out = this.#out;
    this.#traceState = record.traceState === undefined ? '' : createTraceState(record.traceState).serialize();
    this.#traceIdAt = 0;
    this.#server(record);
    let spans = 1;
    for (const attempt of record.attempts) {
      if (out.isFull) break;
      this.#client(record, attempt);
      spans++;
    }
    for (const policy of record.policies) {
      if (out.isFull) break;
      if (policy.durationMs < POLICY_SPAN_FROM_MS) continue;
      this.#policy(record, policy);
      spans++;
    }
    return spans;
  }

  #server(record: RequestRecord): void {
    const out = this.#out;
    const { parentSpanId, reason, status } = record;
    const at = this.#openSpan(record, record.spanId, parentSpanId);
    out.copy(this.#templates.server(record));
    this.#times(record, 0, record.durationMs);
    this.#address(record);
    if (record.host !== '') out.copy(this.#templates.host(record.host));
    this.#method(record);
    writeText(out, CLIENT_ADDRESS, record.clientAddress);
    writeText(out, REQUEST_ID, record.requestId);
    writeInteger(out, REQUEST_SIZE, record.bytesIn);
    writeInteger(out, RESPONSE_SIZE, record.bytesOut);
    if (status !== 0) writeInteger(out, STATUS_CODE, status);
    if (record.userAgent !== undefined) writeText(out, USER_AGENT, record.userAgent);
    if (reason !== undefined) writeText(out, REASON, reason);
    if (record.isSlow()) out.copy(SLOW);
    else if (record.kind !== 'exchange') out.copy(NEVER_SLOW);
    this.#errorType(reason, status, 500);
    if (record.answeredMs !== undefined) this.#event(ANSWERED, record, record.answeredMs);
    if (status >= 500 || record.isFault()) this.#error(record.cause);
    out.copy(parentSpanId === undefined ? FLAGS : FLAGS_REMOTE_PARENT);
    out.close(at);
  }

  /** Path and query; the attempts repeat their bytes. */
  #address(record: RequestRecord): void {
    const out = this.#out;
    let start = out.position;
    writeText(out, URL_PATH, scrubPath(record.path));
    this.#pathAt = valueStart(out, URL_PATH, start);
    this.#pathBytes = out.position - this.#pathAt;
    this.#queryBytes = 0;
    if (record.query === '') return;
    start = out.position;
    writeText(out, URL_QUERY, redactQuery(record.query));
    this.#queryAt = valueStart(out, URL_QUERY, start);
    this.#queryBytes = out.position - this.#queryAt;
  }

  #client(record: RequestRecord, attempt: AttemptRecord): void {
    const out = this.#out;
    const { reason, status } = attempt;
    const at = this.#openSpan(record, attempt.spanId, record.spanId);
    out.copy(this.#templates.client(record, attempt.target));
    this.#times(record, attempt.startMs, attempt.endMs ?? record.durationMs);
    this.#fullUrl(record, attempt.target);
    this.#method(record);
    if (status !== undefined) writeInteger(out, STATUS_CODE, status);
    if (attempt.resendCount > 0) writeInteger(out, RESEND_COUNT, attempt.resendCount);
    this.#errorType(reason, status ?? 0, 400);
    if (attempt.sentMs !== undefined) this.#event(SENT, record, attempt.sentMs);
    if (attempt.headersMs !== undefined) this.#event(HEADERS, record, attempt.headersMs);
    if (reason !== undefined || (status ?? 0) >= 400) this.#error(attempt.cause);
    out.copy(FLAGS);
    out.close(at);
  }

  #fullUrl(record: RequestRecord, target: string): void {
    const out = this.#out;
    const start = out.position;
    openLong(out, URL_FULL);
    out.text(target);
    out.repeat(this.#pathAt, this.#pathBytes);
    if (record.query !== '') {
      out.byte(0x3f);
      out.repeat(this.#queryAt, this.#queryBytes);
    }
    closeLong(out, URL_FULL, start);
  }

  #policy(record: RequestRecord, policy: PolicyRecord): void {
    const out = this.#out;
    const at = this.#openSpan(record, newSpanId(), record.spanId);
    out.copy(INTERNAL);
    this.#text(5, 'policy ', policy.name);
    this.#times(record, policy.startMs, policy.startMs + policy.durationMs);
    writeText(out, POLICY, policy.name);
    writeText(out, POLICY_OUTCOME, policy.outcome);
    if (policy.outcome === 'failed') this.#error(undefined);
    out.copy(FLAGS);
    out.close(at);
  }

  #openSpan(record: RequestRecord, spanId: string, parentSpanId: string | undefined): number {
    const out = this.#out;
    out.byte(0x12);
    const at = out.open();
    if (this.#traceIdAt === 0) {
      this.#traceIdAt = out.position;
      this.#id(0x0a, record.traceId);
    } else {
      out.repeat(this.#traceIdAt, TRACE_ID_BYTES);
    }
    this.#id(0x12, spanId);
    if (this.#traceState !== '') this.#text(3, this.#traceState, '');
    if (parentSpanId !== undefined) this.#id(0x22, parentSpanId);
    return at;
  }

  #id(tag: number, digits: string): void {
    this.#out.byte(tag);
    this.#out.byte(digits.length >>> 1);
    this.#out.hex(digits);
  }

  #text(fieldNumber: number, first: string, second: string): void {
    const out = this.#out;
    out.byte((fieldNumber << 3) | 2);
    const at = out.open();
    out.text(first);
    out.text(second);
    out.close(at);
  }

  #times(record: RequestRecord, fromMs: number, toMs: number): void {
    const out = this.#out;
    out.byte(0x39);
    out.time(record.startedAtMs + fromMs);
    out.byte(0x41);
    out.time(record.startedAtMs + toMs);
  }

  #event([before, after]: readonly [Buffer, Buffer], record: RequestRecord, atMs: number): void {
    this.#out.copy(before);
    this.#out.time(record.startedAtMs + atMs);
    this.#out.copy(after);
  }

  #method({ method }: RequestRecord): void {
    if (!isKnownMethod(method)) writeText(this.#out, METHOD_ORIGINAL, method);
  }

  #errorType(reason: string | undefined, status: number, failedFrom: number): void {
    if (reason !== undefined) writeText(this.#out, ERROR_TYPE, reason);
    else if (status >= failedFrom) writeText(this.#out, ERROR_TYPE, String(status));
  }

  #error(cause: string | undefined): void {
    const out = this.#out;
    const message = cause === undefined ? '' : scrub(cause);
    if (message === '') {
      out.copy(ERROR);
      return;
    }
    out.byte(0x7a);
    const at = out.open();
    this.#text(2, message, '');
    out.copy(ERROR_CODE);
    out.close(at);
  }
}
