import { attributesOf, SPAN_KIND, SPAN_STATUS, type AttributeRecord, type Span } from '@clearway/contracts';
import { FAILURES, type FailureReason } from '@clearway/kernel';

/** What decides how long a trace is kept, in the order in which they go. The first holds traces of which only log records came. */
export const RETENTION = { logsOnly: 0, ordinary: 1, slow: 2, failed: 3 } as const;

/** How good a span is as the one that names its trace. */
const RANK = { none: -1, inner: 0, server: 1, root: 2, gateway: 3 } as const;

/** A trace without a bound of its own is slow above this. */
const SLOW_US = 1_000_000;

/** Senders choose names: those in summaries are cut, and no trace has more services than one can read. */
const MAX_NAME = 500;
const MAX_SERVICES = 50;

/** What is known of a trace: a row of the table `traces`. Times are microseconds. */
export interface TraceState {
  id: number;
  traceId: string;
  class: number;
  bytes: number;
  rank: number;
  startUs: number;
  durationUs: number;
  name: string;
  service: string;
  services: string[];
  route: string | null;
  method: string | null;
  path: string | null;
  status: number | null;
  reason: string | null;
  requestId: string | null;
  spanCount: number;
  errorCount: number;
  logCount: number;
}

/** A trace of which nothing is known yet. */
export function newTraceState(traceId: string): TraceState {
  return {
    id: 0,
    traceId,
    class: RETENTION.logsOnly,
    bytes: 0,
    rank: RANK.none,
    startUs: 0,
    durationUs: 0,
    name: '',
    service: '',
    services: [],
    route: null,
    method: null,
    path: null,
    status: null,
    reason: null,
    requestId: null,
    spanCount: 0,
    errorCount: 0,
    logCount: 0,
  };
}

/** Whether a span is the gateway's own: those are kept even when a trace has all the spans that it may have. */
export function isGatewaySpan(span: Span): boolean {
  return span.kind === SPAN_KIND.server && span.attributes.some(({ key }) => key === 'clearway.route');
}

/** When a span started, in microseconds since 1970; what is beyond all calendars is cut. */
export function startUsOf(span: Span): number {
  return Number(minimum(BigInt(span.startTimeUnixNano) / 1000n, BigInt(Number.MAX_SAFE_INTEGER)));
}

/**
 * Takes a span into what is known of its trace. Spans come in any order: the best one so far names the trace, which is
 * the gateway's SERVER span, else the one without a parent, else the first SERVER span.
 */
export function absorbSpan(state: TraceState, span: Span, sender: string): void {
  const service = sender.slice(0, MAX_NAME);
  const attributes = attributesOf(span.attributes);
  state.spanCount++;
  if (span.status.code === SPAN_STATUS.error) state.errorCount++;
  if (!state.services.includes(service) && state.services.length < MAX_SERVICES) {
    state.services = [...state.services, service].sort();
  }
  state.class = Math.max(state.class, isFault(span, attributes) ? RETENTION.failed : RETENTION.ordinary);

  const rank = rankOf(span, attributes);
  const startUs = startUsOf(span);
  if (rank > state.rank || (rank === state.rank && startUs < state.startUs)) {
    nameAfter(state, span, service, { attributes, rank, startUs });
  } else if (rank === RANK.gateway) {
    // another request of the same trace: its failure is found under the trace as well
    state.reason ??= textOf(attributes['clearway.reason']);
  }
}

function nameAfter(
  state: TraceState,
  span: Span,
  service: string,
  { attributes, rank, startUs }: { attributes: AttributeRecord; rank: number; startUs: number },
): void {
  const sameRankReason = state.rank === rank ? state.reason : null;
  state.rank = rank;
  state.startUs = startUs;
  state.durationUs = durationUsOf(span);
  state.name = span.name.slice(0, MAX_NAME);
  state.service = service;
  state.route = textOf(attributes['clearway.route']) ?? textOf(attributes['http.route']);
  state.method = textOf(attributes['http.request.method']);
  state.path = textOf(attributes['url.path']);
  state.status = statusOf(attributes);
  state.reason = textOf(attributes['clearway.reason']) ?? textOf(attributes['error.type']) ?? sameRankReason;
  state.requestId = textOf(attributes['clearway.request_id']) ?? state.requestId;
  if (isSlow(attributes, rank, state.durationUs)) state.class = Math.max(state.class, RETENTION.slow);
}

function rankOf(span: Span, attributes: AttributeRecord): number {
  if (span.kind === SPAN_KIND.server && attributes['clearway.route'] !== undefined) return RANK.gateway;
  if (span.parentSpanId === undefined) return RANK.root;
  return span.kind === SPAN_KIND.server || span.kind === SPAN_KIND.consumer ? RANK.server : RANK.inner;
}

/**
 * Whether a span shows a fault. What the client did wrong is none: otherwise anyone could push the traces of real
 * failures out of the store with requests for pages that do not exist.
 */
function isFault(span: Span, attributes: AttributeRecord): boolean {
  const reason = textOf(attributes['clearway.reason']);
  if (reason !== null) return !isClientOwned(reason);
  if ((statusOf(attributes) ?? 0) >= 500 && span.kind === SPAN_KIND.server) return true;
  if (span.status.code !== SPAN_STATUS.error) return false;
  // by OpenTelemetry's conventions a CLIENT span that was answered with 4xx has an error
  const status = statusOf(attributes) ?? 0;
  return !(span.kind === SPAN_KIND.client && status >= 400 && status < 500);
}

function isClientOwned(reason: string): boolean {
  return Object.hasOwn(FAILURES, reason) && FAILURES[reason as FailureReason].owner === 'client';
}

function isSlow(attributes: AttributeRecord, rank: number, durationUs: number): boolean {
  const said = attributes['clearway.slow'];
  if (typeof said === 'boolean') return said;
  return rank >= RANK.server && durationUs > SLOW_US;
}

function durationUsOf(span: Span): number {
  const nanos = BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano);
  return nanos <= 0n ? 0 : Number(minimum(nanos / 1000n, BigInt(Number.MAX_SAFE_INTEGER)));
}

function statusOf(attributes: AttributeRecord): number | null {
  const status = attributes['http.response.status_code'];
  return typeof status === 'number' && Number.isInteger(status) ? status : null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, MAX_NAME) : null;
}

function minimum(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
