import { spanIdOf, traceIdOf } from './hex-ids.ts';
import { NO_CONTEXT, type RemoteContext } from './trace-context.ts';

const SAMPLED = 1;
const DEBUG = 2;
const MAX_CHARACTERS = 128;

/**
 * Reads the header `uber-trace-id`: `{trace id}:{span id}:{parent span id}:{flags}`, plain or with its colons escaped.
 * Ids have up to 128 and 64 bits and may lack zeros in front; the parent's is not used.
 *
 * Source: Jaeger, "Client Libraries", "Trace/Span Identity".
 *
 * @example
 * parseUberTraceId('64fe8b2a57d3eff7:e457b5a2e4d86bd1:0:3').isDebug // true
 */
export function parseUberTraceId(header: string | undefined): RemoteContext {
  if (header === undefined || header.length > MAX_CHARACTERS) return NO_CONTEXT;
  const [trace = '', span = '', parent, flags = '', ...more] = header.replace(/%3a/gi, ':').split(':');
  const traceId = traceIdOf(trace);
  const spanId = spanIdOf(span);
  const isValid = traceId !== undefined && spanId !== undefined && parent !== undefined && more.length === 0;
  if (!isValid || !/^[0-9a-fA-F]{1,2}$/.test(flags)) return NO_CONTEXT;
  const bits = Number.parseInt(flags, 16);
  const isDebug = (bits & DEBUG) !== 0;
  return { traceId, spanId, traceState: undefined, sampled: isDebug || (bits & SAMPLED) !== 0, isDebug };
}

/** Writes the header `uber-trace-id`; the parent's id is deprecated and 0. */
export function formatUberTraceId(context: {
  traceId: string;
  spanId: string;
  sampled: boolean;
  isDebug: boolean;
}): string {
  const { traceId, spanId, sampled, isDebug } = context;
  return `${traceId}:${spanId}:0:${isDebug ? SAMPLED | DEBUG : sampled ? SAMPLED : 0}`;
}
