import { isSpanId, traceIdOf } from './hex-ids.ts';
import { NO_CONTEXT, type RemoteContext } from './trace-context.ts';

/** What B3's sampling states mean; `true` and `false` are those of old senders. */
const STATES: Readonly<Record<string, Pick<RemoteContext, 'sampled' | 'isDebug'>>> = {
  '0': { sampled: false, isDebug: false },
  '1': { sampled: true, isDebug: false },
  false: { sampled: false, isDebug: false },
  true: { sampled: true, isDebug: false },
  d: { sampled: true, isDebug: true },
};
const DEFERRED = { sampled: undefined, isDebug: false } as const;

/**
 * Reads the header `b3`: `{trace id}-{span id}-{sampling state}-{parent span id}`, of which the last two may be missing,
 * or the sampling state alone.
 *
 * Source: openzipkin/b3-propagation, "Single Header".
 *
 * @example
 * parseB3('0').sampled // false: the trace begins here and is not sampled
 */
export function parseB3(header: string | undefined): RemoteContext {
  const [first = '', spanId, state, parentSpanId, ...more] = header?.split('-') ?? [];
  if (spanId === undefined) return { ...NO_CONTEXT, ...own(first) };
  const isComplete = more.length === 0 && (parentSpanId === undefined || isSpanId(parentSpanId.toLowerCase()));
  return isComplete ? contextOf(first, spanId, state === undefined ? DEFERRED : own(state)) : NO_CONTEXT;
}

/**
 * Reads the headers `X-B3-TraceId`, `X-B3-SpanId`, `X-B3-Sampled` and `X-B3-Flags`; the debug flag stands above the
 * sampling state.
 *
 * Source: openzipkin/b3-propagation, "Multiple Headers".
 */
export function parseB3Multi(fields: {
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly sampled: string | undefined;
  readonly flags: string | undefined;
}): RemoteContext {
  const { traceId, spanId, sampled, flags } = fields;
  const state = flags === '1' ? own('d') : sampled === undefined ? DEFERRED : (own(sampled) ?? DEFERRED);
  if (traceId === undefined) return { ...NO_CONTEXT, ...state };
  return contextOf(traceId, spanId ?? '', state);
}

function contextOf(trace: string, span: string, state: Pick<RemoteContext, 'sampled' | 'isDebug'> | undefined) {
  const traceId = /^(?:[0-9a-fA-F]{16}){1,2}$/.test(trace) ? traceIdOf(trace) : undefined;
  const spanId = span.toLowerCase();
  if (traceId === undefined || !isSpanId(spanId) || state === undefined) return NO_CONTEXT;
  return { traceId, spanId, traceState: undefined, ...state };
}

function own(state: string): Pick<RemoteContext, 'sampled' | 'isDebug'> | undefined {
  return Object.hasOwn(STATES, state) ? STATES[state] : undefined;
}

/** Writes the header `b3`. */
export function formatB3(context: { traceId: string; spanId: string; sampled: boolean; isDebug: boolean }): string {
  return `${context.traceId}-${context.spanId}-${context.isDebug ? 'd' : context.sampled ? '1' : '0'}`;
}
