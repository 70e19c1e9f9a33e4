import type { LogsDelivery, SpansDelivery } from '../otlp/delivery.ts';
import { attributeValue, type LogRecord, type Resource, type Span } from '@clearway/contracts';

/** A span or a log record on its way into the store. */
export interface Item {
  readonly traceId: string;
  /** Resource and scope, as JSON. */
  readonly origin: string;
  readonly service: string;
  readonly body: string;
  readonly span?: Span;
}

/** Resource and scope of a span or a log record, as they are stored. */
export interface Origin {
  readonly resource: Resource;
  readonly resourceSchemaUrl?: string;
  readonly scope: { readonly name: string; readonly version?: string };
  readonly scopeSchemaUrl?: string;
}

/** The spans of a delivery, one by one. */
export function* spanItems({ resourceSpans }: SpansDelivery): Generator<Item> {
  for (const { resource, schemaUrl, scopeSpans } of resourceSpans) {
    const service = serviceOf(resource);
    for (const { scope, schemaUrl: scopeSchemaUrl, spans } of scopeSpans) {
      const origin = JSON.stringify(originOf(resource, schemaUrl, scope, scopeSchemaUrl));
      for (const span of spans) {
        yield { traceId: span.traceId, origin, service, body: JSON.stringify(span), span };
      }
    }
  }
}

/** The log records of a delivery, one by one. */
export function* logItems({ resourceLogs }: LogsDelivery): Generator<Item> {
  for (const { resource, schemaUrl, scopeLogs } of resourceLogs) {
    const service = serviceOf(resource);
    for (const { scope, schemaUrl: scopeSchemaUrl, logRecords } of scopeLogs) {
      const origin = JSON.stringify(originOf(resource, schemaUrl, scope, scopeSchemaUrl));
      for (const record of logRecords) yield logItem(record, origin, service);
    }
  }
}

function logItem(record: LogRecord, origin: string, service: string): Item {
  return { traceId: record.traceId, origin, service, body: JSON.stringify(record) };
}

function originOf(
  resource: Resource,
  resourceSchemaUrl: string | undefined,
  scope: Origin['scope'],
  scopeSchemaUrl: string | undefined,
): Origin {
  return {
    resource,
    ...(resourceSchemaUrl && { resourceSchemaUrl }),
    scope,
    ...(scopeSchemaUrl && { scopeSchemaUrl }),
  };
}

/** `unknown_service` is what OpenTelemetry calls a service that does not say its name. */
function serviceOf(resource: Resource): string {
  const found = resource.attributes.find(({ key }) => key === 'service.name');
  const name = found && attributeValue(found.value);
  return typeof name === 'string' && name !== '' ? name : 'unknown_service';
}
