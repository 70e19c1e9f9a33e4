import type { LogRecord, LogsData, Span, TracesData } from '@clearway/contracts';
import type { Origin } from './items.ts';
import type { Statements, StoredItem } from './statements.ts';

/** A trace as OTLP's `TracesData`, spans in the order of their start; undefined when it is not known. */
export function tracesOf(statements: Statements, traceId: string): TracesData | undefined {
  const state = statements.find(traceId);
  if (!state) return undefined;
  const groups = grouped<Span>(statements, state.id, statements.spans(state.id));
  const byStart = (a: Span, b: Span) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano));
  return {
    resourceSpans: groups.map(({ resource, resourceSchemaUrl, scopes }) => ({
      resource,
      ...(resourceSchemaUrl && { schemaUrl: resourceSchemaUrl }),
      scopeSpans: scopes.map(({ scope, scopeSchemaUrl, items }) => ({
        scope,
        ...(scopeSchemaUrl && { schemaUrl: scopeSchemaUrl }),
        spans: items.sort(byStart),
      })),
    })),
  };
}

/** The log records of a trace as OTLP's `LogsData`, in the order in which they came; undefined when it is not known. */
export function logsOf(statements: Statements, traceId: string): LogsData | undefined {
  const state = statements.find(traceId);
  if (!state) return undefined;
  const groups = grouped<LogRecord>(statements, state.id, statements.logs(state.id));
  return {
    resourceLogs: groups.map(({ resource, resourceSchemaUrl, scopes }) => ({
      resource,
      ...(resourceSchemaUrl && { schemaUrl: resourceSchemaUrl }),
      scopeLogs: scopes.map(({ scope, scopeSchemaUrl, items }) => ({
        scope,
        ...(scopeSchemaUrl && { schemaUrl: scopeSchemaUrl }),
        logRecords: items,
      })),
    })),
  };
}

interface ResourceGroup<T> extends Pick<Origin, 'resource' | 'resourceSchemaUrl'> {
  readonly scopes: (Pick<Origin, 'scope' | 'scopeSchemaUrl'> & { readonly items: T[] })[];
}

/** Items under their resource and scope, each of which stands once. */
function grouped<T>(statements: Statements, trace: number, items: readonly StoredItem[]): ResourceGroup<T>[] {
  const byOrigin = Map.groupBy(items, ({ origin }) => origin);
  const resources = new Map<string, ResourceGroup<T>>();
  for (const { number, body } of statements.origins(trace)) {
    const ofOrigin = byOrigin.get(number);
    if (!ofOrigin) continue;
    const { resource, resourceSchemaUrl, scope, scopeSchemaUrl } = JSON.parse(body) as Origin;
    const key = JSON.stringify([resource, resourceSchemaUrl]);
    const group = resources.get(key) ?? { resource, ...(resourceSchemaUrl && { resourceSchemaUrl }), scopes: [] };
    resources.set(key, group);
    group.scopes.push({
      scope,
      ...(scopeSchemaUrl && { scopeSchemaUrl }),
      items: ofOrigin.map((item) => JSON.parse(item.body) as T),
    });
  }
  return [...resources.values()];
}
