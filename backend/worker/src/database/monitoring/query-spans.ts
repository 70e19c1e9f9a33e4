import { attributesOf, SPAN_KIND, type Span, type TracesData } from '@clearway/contracts';
import type { CallerSight, QuerySpans } from '@clearway/database';
import type { TraceStore } from '../../traces/store/trace-store.ts';

/** What is used of the trace store. */
type Traces = Pick<TraceStore, 'find' | 'trace'>;

const MAX_TRACES = 50;
const MAX_REMEMBERED = 2000;
/** Faster traces hold no slow query. */
const MIN_TRACE_MS = 50;
const MIN_QUERY_MS = 20;
/** Spans arrive after they ended, in several deliveries. */
const LATE_MS = 30_000;

/**
 * Finds slow queries in the traces of the local store: the text of each, the route of the request that issued it, and the
 * trace. Each trace is read once, when it has had time to be complete.
 */
export function querySpans(store: Traces, nowMs: () => number = Date.now): QuerySpans {
  const seen = new Set<string>();
  return {
    since(atMs) {
      const { traces } = store.find({ sinceMs: atMs - LATE_MS, minDurationMs: MIN_TRACE_MS, limit: MAX_TRACES });
      const fresh = traces.filter(
        ({ traceId, startTime, durationMs }) =>
          !seen.has(traceId) && nowMs() - Date.parse(startTime) - durationMs > LATE_MS / 6,
      );
      for (const { traceId } of fresh) remember(seen, traceId);
      return fresh.flatMap(({ traceId }) => sightsIn(store.trace(traceId)));
    },
  };
}

function remember(seen: Set<string>, traceId: string): void {
  seen.add(traceId);
  if (seen.size > MAX_REMEMBERED) seen.delete(seen.keys().next().value ?? '');
}

interface ServiceSpan {
  readonly span: Span;
  readonly service: string | null;
}

function sightsIn(trace: TracesData | undefined): CallerSight[] {
  const spans = (trace?.resourceSpans ?? []).flatMap(({ resource, scopeSpans }): ServiceSpan[] => {
    const service = attributesOf(resource.attributes)['service.name'];
    return scopeSpans.flatMap((scope) =>
      scope.spans.map((span) => ({ span, service: typeof service === 'string' ? service : null })),
    );
  });
  const byId = new Map(spans.map((each) => [each.span.spanId, each]));
  return spans.flatMap((each) => sightOf(each, byId) ?? []);
}

function sightOf({ span, service }: ServiceSpan, byId: ReadonlyMap<string, ServiceSpan>): CallerSight | undefined {
  const attributes = attributesOf(span.attributes);
  const query = attributes['db.query.text'] ?? attributes['db.statement'];
  if (typeof query !== 'string') return undefined;
  const durationMs = Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6;
  if (durationMs < MIN_QUERY_MS) return undefined;
  return {
    queryId: null,
    query,
    application: service,
    route: routeAbove(span, byId),
    traceId: span.traceId,
    durationMs: Math.round(durationMs * 10) / 10,
    atMs: Number(BigInt(span.endTimeUnixNano) / 1_000_000n),
  };
}

/** The route of the nearest request above a span: `GET /v1/tracks/:id`. */
function routeAbove(span: Span, byId: ReadonlyMap<string, ServiceSpan>): string | null {
  const visited = new Set<string>();
  for (let at: Span | undefined = span; at && !visited.has(at.spanId); at = byId.get(at.parentSpanId ?? '')?.span) {
    visited.add(at.spanId);
    if (at.kind !== SPAN_KIND.server) continue;
    const { 'http.route': route, 'http.request.method': method } = attributesOf(at.attributes);
    if (typeof route === 'string') return typeof method === 'string' ? `${method} ${route}` : route;
  }
  return null;
}
