import type { AnyValue, KeyValue, LogRecord, Resource, Span, SpanEvent, SpanLink } from '@clearway/contracts';
import { DecodeError, MAX_DEPTH, ObjectBudget } from './bounds.ts';
import {
  draftLogRecord,
  draftSpan,
  finishLogRecord,
  finishSpan,
  type Draft,
  type LogsDelivery,
  type SpansDelivery,
} from './delivery.ts';
import { array, base64, bool, count, double, int64, nanos, object, text, type JsonObject } from './json-fields.ts';

/**
 * Reads an `ExportTraceServiceRequest` in JSON: unknown fields are ignored, ids may be in upper case.
 *
 * Source: OTLP 1.7, "JSON Protobuf Encoding".
 *
 * @throws DecodeError when it is no such message, DeliveryTooLargeError when it would take too much memory
 */
export function decodeJsonSpans(bytes: Buffer): SpansDelivery {
  const reading = new Reading();
  const resourceSpans = array(parse(bytes), 'resourceSpans').map((entry) => ({
    resource: reading.resource(entry),
    ...schemaUrl(entry),
    scopeSpans: array(entry, 'scopeSpans').map((scoped) => ({
      scope: reading.scope(scoped),
      ...schemaUrl(scoped),
      spans: reading.all(scoped, 'spans', (span) => reading.span(span)),
    })),
  }));
  return { resourceSpans, invalid: reading.refused };
}

/**
 * Reads an `ExportLogsServiceRequest` in JSON.
 *
 * @throws DecodeError when it is no such message, DeliveryTooLargeError when it would take too much memory
 */
export function decodeJsonLogs(bytes: Buffer): LogsDelivery {
  const reading = new Reading();
  const resourceLogs = array(parse(bytes), 'resourceLogs').map((entry) => ({
    resource: reading.resource(entry),
    ...schemaUrl(entry),
    scopeLogs: array(entry, 'scopeLogs').map((scoped) => ({
      scope: reading.scope(scoped),
      ...schemaUrl(scoped),
      logRecords: reading.all(scoped, 'logRecords', (record) => reading.logRecord(record)),
    })),
  }));
  return { resourceLogs, withoutTrace: reading.refused };
}

function parse(bytes: Buffer): JsonObject {
  try {
    return object(JSON.parse(bytes.toString('utf8')), 'the body');
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw new DecodeError('the body is not JSON');
  }
}

const schemaUrl = (entry: JsonObject) => optional('schemaUrl', text(entry, 'schemaUrl'));

/** The messages of one delivery; they share the budget. */
class Reading {
  readonly #budget = new ObjectBudget();
  /** Spans or log records without the ids that they need. */
  refused = 0;

  /** The entries of a list that can be kept. */
  all<T>(from: JsonObject, name: string, read: (entry: JsonObject) => T | undefined): T[] {
    const kept: T[] = [];
    for (const entry of array(from, name)) {
      this.#budget.take();
      const item = read(entry);
      if (item === undefined) this.refused++;
      else kept.push(item);
    }
    return kept;
  }

  resource(from: JsonObject): Resource {
    this.#budget.take();
    const entry = object(from['resource'] ?? {}, 'resource');
    return { attributes: this.#attributes(entry), ...dropped(entry, 'droppedAttributesCount') };
  }

  scope(from: JsonObject) {
    this.#budget.take();
    const entry = object(from['scope'] ?? {}, 'scope');
    const attributes = this.#attributes(entry);
    return {
      name: text(entry, 'name') ?? '',
      ...optional('version', text(entry, 'version')),
      ...(attributes.length > 0 && { attributes }),
    };
  }

  span(from: JsonObject): Span | undefined {
    const events = array(from, 'events').map((event) => this.#event(event));
    const links = array(from, 'links').map((link) => this.#link(link));
    const span: Draft<Span> = {
      ...draftSpan(),
      ...ids(from),
      ...optional('traceState', text(from, 'traceState')),
      ...optional('parentSpanId', text(from, 'parentSpanId')?.toLowerCase()),
      ...optional('flags', count(from, 'flags')),
      name: text(from, 'name') ?? '',
      kind: count(from, 'kind') ?? 0,
      startTimeUnixNano: nanos(from, 'startTimeUnixNano') ?? '0',
      endTimeUnixNano: nanos(from, 'endTimeUnixNano') ?? '0',
      attributes: this.#attributes(from),
      ...dropped(from, 'droppedAttributesCount'),
      ...(events.length > 0 && { events }),
      ...dropped(from, 'droppedEventsCount'),
      ...(links.length > 0 && { links }),
      ...dropped(from, 'droppedLinksCount'),
      status: status(object(from['status'] ?? {}, 'status')),
    };
    return finishSpan(span) ? span : undefined;
  }

  logRecord(from: JsonObject): LogRecord | undefined {
    const { traceId, spanId } = ids(from);
    const record: Draft<LogRecord> = {
      ...draftLogRecord(),
      timeUnixNano: nanos(from, 'timeUnixNano') ?? '0',
      ...optional('observedTimeUnixNano', nanos(from, 'observedTimeUnixNano')),
      severityNumber: count(from, 'severityNumber') ?? 0,
      ...optional('severityText', text(from, 'severityText')),
      body: this.#value(object(from['body'] ?? {}, 'body'), 0),
      attributes: this.#attributes(from),
      ...dropped(from, 'droppedAttributesCount'),
      ...optional('flags', count(from, 'flags')),
      traceId,
      ...(spanId !== '' && { spanId }),
      ...optional('eventName', text(from, 'eventName')),
    };
    return finishLogRecord(record) ? record : undefined;
  }

  #event(from: JsonObject): SpanEvent {
    this.#budget.take();
    return {
      timeUnixNano: nanos(from, 'timeUnixNano') ?? '0',
      name: text(from, 'name') ?? '',
      attributes: this.#attributes(from),
      ...dropped(from, 'droppedAttributesCount'),
    };
  }

  #link(from: JsonObject): SpanLink {
    this.#budget.take();
    return {
      ...ids(from),
      ...optional('traceState', text(from, 'traceState')),
      attributes: this.#attributes(from),
      ...dropped(from, 'droppedAttributesCount'),
      ...optional('flags', count(from, 'flags')),
    };
  }

  #attributes(from: JsonObject, name = 'attributes', depth = 0): KeyValue[] {
    return array(from, name).map((entry) => ({
      key: text(entry, 'key') ?? '',
      value: this.#value(object(entry['value'] ?? {}, 'value'), depth),
    }));
  }

  #value(from: JsonObject, depth: number): AnyValue {
    if (depth > MAX_DEPTH) throw new DecodeError(`values nest deeper than ${MAX_DEPTH}`);
    this.#budget.take();
    return (
      wrapped('stringValue', text(from, 'stringValue')) ??
      wrapped('boolValue', bool(from, 'boolValue')) ??
      wrapped('intValue', int64(from, 'intValue')) ??
      wrapped('doubleValue', double(from, 'doubleValue')) ??
      wrapped('bytesValue', base64(from, 'bytesValue')) ??
      this.#composite(from, depth + 1)
    );
  }

  #composite(from: JsonObject, depth: number): AnyValue {
    if (from['arrayValue'] != null) {
      const values = array(object(from['arrayValue'], 'arrayValue'), 'values');
      return { arrayValue: { values: values.map((value) => this.#value(value, depth)) } };
    }
    if (from['kvlistValue'] == null) return {};
    const list = object(from['kvlistValue'], 'kvlistValue');
    return { kvlistValue: { values: this.#attributes(list, 'values', depth) } };
  }
}

function ids(from: JsonObject): { traceId: string; spanId: string } {
  return {
    traceId: text(from, 'traceId')?.toLowerCase() ?? '',
    spanId: text(from, 'spanId')?.toLowerCase() ?? '',
  };
}

function status(from: JsonObject): Span['status'] {
  return { code: Math.min(2, count(from, 'code') ?? 0), ...optional('message', text(from, 'message')) };
}

function dropped<K extends `dropped${string}Count`>(from: JsonObject, name: K): { [P in K]?: number } {
  const value = count(from, name);
  return (value ? { [name]: value } : {}) as { [P in K]?: number };
}

function optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: V };
}

function wrapped<K extends string, V>(name: K, value: V | undefined): { [P in K]: V } | undefined {
  return value === undefined ? undefined : ({ [name]: value } as { [P in K]: V });
}
