import type {
  AnyValue,
  InstrumentationScope,
  KeyValue,
  LogRecord,
  Resource,
  ResourceLogs,
  ResourceSpans,
  ScopeLogs,
  ScopeSpans,
  Span,
  SpanEvent,
  SpanLink,
} from '@clearway/contracts';
import { DecodeError, MAX_DEPTH, ObjectBudget } from './bounds.ts';
import {
  draftLogRecord,
  draftSpan,
  emptyResource,
  emptyScope,
  finishLogRecord,
  finishSpan,
  type Draft,
  type LogsDelivery,
  type SpansDelivery,
} from './delivery.ts';
import { ProtobufReader } from './protobuf-reader.ts';

/**
 * Reads an `ExportTraceServiceRequest`.
 *
 * Source: opentelemetry-proto 1.7, trace.proto, common.proto and resource.proto; field numbers are theirs.
 *
 * @throws DecodeError when it is no such message, DeliveryTooLargeError when it would take too much memory
 */
export function decodeSpans(bytes: Buffer): SpansDelivery {
  const reading = new Reading();
  const resourceSpans: ResourceSpans[] = [];
  const reader = new ProtobufReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) resourceSpans.push(reading.resourceSpans(reader.message()));
    else reader.skip();
  }
  return { resourceSpans, invalid: reading.refused };
}

/**
 * Reads an `ExportLogsServiceRequest`.
 *
 * Source: opentelemetry-proto 1.7, logs.proto.
 *
 * @throws DecodeError when it is no such message, DeliveryTooLargeError when it would take too much memory
 */
export function decodeLogs(bytes: Buffer): LogsDelivery {
  const reading = new Reading();
  const resourceLogs: ResourceLogs[] = [];
  const reader = new ProtobufReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) resourceLogs.push(reading.resourceLogs(reader.message()));
    else reader.skip();
  }
  return { resourceLogs, withoutTrace: reading.refused };
}

/** The messages of one delivery, a method each; they share the budget. */
class Reading {
  readonly #budget = new ObjectBudget();
  /** Spans or log records without the ids that they need. */
  refused = 0;

  resourceSpans(reader: ProtobufReader): ResourceSpans {
    this.#budget.take();
    const scopeSpans: ScopeSpans[] = [];
    const result: Draft<ResourceSpans> = { resource: emptyResource(), scopeSpans };
    while (reader.next()) {
      if (reader.field === 1) result.resource = this.#resource(reader.message());
      else if (reader.field === 2) scopeSpans.push(this.#scopeSpans(reader.message()));
      else if (reader.field === 3) result.schemaUrl = reader.string();
      else reader.skip();
    }
    return result;
  }

  resourceLogs(reader: ProtobufReader): ResourceLogs {
    this.#budget.take();
    const scopeLogs: ScopeLogs[] = [];
    const result: Draft<ResourceLogs> = { resource: emptyResource(), scopeLogs };
    while (reader.next()) {
      if (reader.field === 1) result.resource = this.#resource(reader.message());
      else if (reader.field === 2) scopeLogs.push(this.#scopeLogs(reader.message()));
      else if (reader.field === 3) result.schemaUrl = reader.string();
      else reader.skip();
    }
    return result;
  }

  #resource(reader: ProtobufReader): Resource {
    const attributes: KeyValue[] = [];
    const resource: Draft<Resource> = { attributes };
    while (reader.next()) {
      if (reader.field === 1) attributes.push(this.#keyValue(reader.message(), 0));
      else if (reader.field === 2) setCount(resource, 'droppedAttributesCount', reader);
      else reader.skip();
    }
    return resource;
  }

  #scope(reader: ProtobufReader): InstrumentationScope {
    const attributes: KeyValue[] = [];
    const scope = emptyScope();
    while (reader.next()) {
      if (reader.field === 1) scope.name = reader.string();
      else if (reader.field === 2) scope.version = reader.string();
      else if (reader.field === 3) attributes.push(this.#keyValue(reader.message(), 0));
      else if (reader.field === 4) setCount(scope, 'droppedAttributesCount', reader);
      else reader.skip();
    }
    if (attributes.length > 0) scope.attributes = attributes;
    return scope;
  }

  #scopeSpans(reader: ProtobufReader): ScopeSpans {
    this.#budget.take();
    const spans: Span[] = [];
    const result: Draft<ScopeSpans> = { scope: emptyScope(), spans };
    while (reader.next()) {
      if (reader.field === 1) result.scope = this.#scope(reader.message());
      else if (reader.field === 2) this.#span(reader.message(), spans);
      else if (reader.field === 3) result.schemaUrl = reader.string();
      else reader.skip();
    }
    return result;
  }

  #scopeLogs(reader: ProtobufReader): ScopeLogs {
    this.#budget.take();
    const logRecords: LogRecord[] = [];
    const result: Draft<ScopeLogs> = { scope: emptyScope(), logRecords };
    while (reader.next()) {
      if (reader.field === 1) result.scope = this.#scope(reader.message());
      else if (reader.field === 2) this.#logRecord(reader.message(), logRecords);
      else if (reader.field === 3) result.schemaUrl = reader.string();
      else reader.skip();
    }
    return result;
  }

  #span(reader: ProtobufReader, into: Span[]): void {
    this.#budget.take();
    const span = draftSpan();
    const attributes: KeyValue[] = [];
    const events: SpanEvent[] = [];
    const links: SpanLink[] = [];
    while (reader.next()) {
      if (reader.field === 9) attributes.push(this.#keyValue(reader.message(), 0));
      else if (reader.field === 11) events.push(this.#event(reader.message()));
      else if (reader.field === 13) links.push(this.#link(reader.message()));
      else if (!spanField(span, reader)) reader.skip();
    }
    span.attributes = attributes;
    if (events.length > 0) span.events = events;
    if (links.length > 0) span.links = links;
    if (finishSpan(span)) into.push(span);
    else this.refused++;
  }

  #event(reader: ProtobufReader): SpanEvent {
    this.#budget.take();
    const attributes: KeyValue[] = [];
    const event: Draft<SpanEvent> = { timeUnixNano: '0', name: '', attributes };
    while (reader.next()) {
      if (reader.field === 1) event.timeUnixNano = reader.fixed64();
      else if (reader.field === 2) event.name = reader.string();
      else if (reader.field === 3) attributes.push(this.#keyValue(reader.message(), 0));
      else if (reader.field === 4) setCount(event, 'droppedAttributesCount', reader);
      else reader.skip();
    }
    return event;
  }

  #link(reader: ProtobufReader): SpanLink {
    this.#budget.take();
    const attributes: KeyValue[] = [];
    const link: Draft<SpanLink> = { traceId: '', spanId: '', attributes };
    while (reader.next()) {
      if (reader.field === 1) link.traceId = reader.bytes('hex');
      else if (reader.field === 2) link.spanId = reader.bytes('hex');
      else if (reader.field === 3) link.traceState = reader.string();
      else if (reader.field === 4) attributes.push(this.#keyValue(reader.message(), 0));
      else if (reader.field === 5) setCount(link, 'droppedAttributesCount', reader);
      else if (reader.field === 6) link.flags = reader.fixed32();
      else reader.skip();
    }
    return link;
  }

  #logRecord(reader: ProtobufReader, into: LogRecord[]): void {
    this.#budget.take();
    const record = draftLogRecord();
    const attributes: KeyValue[] = [];
    while (reader.next()) {
      if (reader.field === 5) record.body = this.#anyValue(reader.message(), 0);
      else if (reader.field === 6) attributes.push(this.#keyValue(reader.message(), 0));
      else if (!logField(record, reader)) reader.skip();
    }
    record.attributes = attributes;
    if (finishLogRecord(record)) into.push(record);
    else this.refused++;
  }

  #keyValue(reader: ProtobufReader, depth: number): KeyValue {
    this.#budget.take();
    let key = '';
    let value: AnyValue = {};
    while (reader.next()) {
      if (reader.field === 1) key = reader.string();
      else if (reader.field === 2) value = this.#anyValue(reader.message(), depth);
      else reader.skip();
    }
    return { key, value };
  }

  /** Of several fields of a `oneof` the last one counts. */
  #anyValue(reader: ProtobufReader, depth: number): AnyValue {
    if (depth > MAX_DEPTH) throw new DecodeError(`values nest deeper than ${MAX_DEPTH}`);
    this.#budget.take();
    let value: AnyValue = {};
    while (reader.next()) {
      if (reader.field === 1) value = { stringValue: reader.string() };
      else if (reader.field === 2) value = { boolValue: reader.bool() };
      else if (reader.field === 3) value = { intValue: reader.int64() };
      else if (reader.field === 4) value = { doubleValue: jsonDouble(reader.double()) };
      else if (reader.field === 5) value = { arrayValue: { values: this.#values(reader.message(), depth + 1) } };
      else if (reader.field === 6) value = { kvlistValue: { values: this.#keyValues(reader.message(), depth + 1) } };
      else if (reader.field === 7) value = { bytesValue: reader.bytes('base64') };
      else reader.skip();
    }
    return value;
  }

  #values(reader: ProtobufReader, depth: number): AnyValue[] {
    const values: AnyValue[] = [];
    while (reader.next()) {
      if (reader.field === 1) values.push(this.#anyValue(reader.message(), depth));
      else reader.skip();
    }
    return values;
  }

  #keyValues(reader: ProtobufReader, depth: number): KeyValue[] {
    const values: KeyValue[] = [];
    while (reader.next()) {
      if (reader.field === 1) values.push(this.#keyValue(reader.message(), depth));
      else reader.skip();
    }
    return values;
  }
}

/** Reads a plain field of a span; false when there is none of that number. */
function spanField(span: Draft<Span>, reader: ProtobufReader): boolean {
  if (reader.field === 1) span.traceId = reader.bytes('hex');
  else if (reader.field === 2) span.spanId = reader.bytes('hex');
  else if (reader.field === 3) span.traceState = reader.string();
  else if (reader.field === 4) span.parentSpanId = reader.bytes('hex');
  else if (reader.field === 5) span.name = reader.string();
  else if (reader.field === 6) span.kind = reader.uint32();
  else if (reader.field === 7) span.startTimeUnixNano = reader.fixed64();
  else if (reader.field === 8) span.endTimeUnixNano = reader.fixed64();
  else if (reader.field === 10) setCount(span, 'droppedAttributesCount', reader);
  else if (reader.field === 12) setCount(span, 'droppedEventsCount', reader);
  else if (reader.field === 14) setCount(span, 'droppedLinksCount', reader);
  else if (reader.field === 15) span.status = status(reader.message());
  else if (reader.field === 16) span.flags = reader.fixed32();
  else return false;
  return true;
}

function status(reader: ProtobufReader): Span['status'] {
  const result: Draft<Span['status']> = { code: 0 };
  while (reader.next()) {
    if (reader.field === 2) result.message = reader.string();
    else if (reader.field === 3) result.code = Math.min(2, reader.uint32());
    else reader.skip();
  }
  return result;
}

/** Reads a plain field of a log record; false when there is none of that number. */
function logField(record: Draft<LogRecord>, reader: ProtobufReader): boolean {
  if (reader.field === 1) record.timeUnixNano = reader.fixed64();
  else if (reader.field === 2) record.severityNumber = reader.uint32();
  else if (reader.field === 3) record.severityText = reader.string();
  else if (reader.field === 7) setCount(record, 'droppedAttributesCount', reader);
  else if (reader.field === 8) record.flags = reader.fixed32();
  else if (reader.field === 9) record.traceId = reader.bytes('hex');
  else if (reader.field === 10) record.spanId = reader.bytes('hex');
  else if (reader.field === 11) record.observedTimeUnixNano = reader.fixed64();
  else if (reader.field === 12) record.eventName = reader.string();
  else return false;
  return true;
}

/** A count of what the sender left out; none is the same as 0. */
function setCount<K extends string>(target: { [P in K]?: number }, name: K, reader: ProtobufReader): void {
  const count = reader.uint32();
  if (count > 0) target[name] = count;
}

/** JSON has no such numbers: protobuf's JSON writes their names. */
function jsonDouble(value: number): number | 'NaN' | 'Infinity' | '-Infinity' {
  return Number.isFinite(value) ? value : (String(value) as 'NaN' | 'Infinity' | '-Infinity');
}
