/** What a caller said about the trace that its request belongs to, in whatever format. */
export interface RemoteContext {
  /** Undefined with `spanId` when the caller began no trace, or an invalid one: then it begins here. */
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly traceState: string | undefined;
  /** Undefined when the caller left the decision to us. */
  readonly sampled: boolean | undefined;
  /** Whether the trace is to be kept whatever samplers say (B3, Jaeger); sampled then, too. */
  readonly isDebug: boolean;
}

/** A caller that said nothing usable: the trace begins anew. */
export const NO_CONTEXT: RemoteContext = {
  traceId: undefined,
  spanId: undefined,
  traceState: undefined,
  sampled: undefined,
  isDebug: false,
};

/** The trace that a request belongs to, as its caller said. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZERO_TRACE = '0'.repeat(32);
const ZERO_SPAN = '0'.repeat(16);

/**
 * Reads a `traceparent` header; undefined when it is absent or invalid, which restarts the trace.
 *
 * Source: W3C Trace Context, 3.2: version ff is invalid, version 00 has exactly four parts, later ones may have more.
 *
 * @example
 * parseTraceparent('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')?.sampled // true
 */
export function parseTraceparent(header: string | undefined): TraceParent | undefined {
  if (header === undefined) return undefined;
  const match = TRACEPARENT.exec(header);
  if (!match) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (traceId === ZERO_TRACE || spanId === ZERO_SPAN) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Writes a `traceparent` header, version 00. */
export function formatTraceparent(parent: TraceParent): string {
  return `00-${parent.traceId}-${parent.spanId}-${parent.sampled ? '01' : '00'}`;
}
