import { formatB3, formatTraceparent, formatUberTraceId, type RequestRecord } from '@clearway/telemetry';
import type { Propagated } from '../configuration/propagated.ts';
import type { Carried } from '../pipeline/exchange.ts';

/**
 * Fields that tell of a trace, in lower case: never passed on as they came, since the caller's span is not the parent
 * of what the upstream does, and a format that is not asked for would contradict those that are.
 */
export const TRACE_FIELDS: readonly string[] = [
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'uber-trace-id',
  'baggage',
];

/**
 * Adds the trace's context to the header fields of an attempt: of a trace that is not sampled as well, so that upstreams
 * do not begin traces of their own.
 *
 * @param out names and values in turn
 * @param spanId the CLIENT span of the attempt
 */
export function writeContext(
  out: string[],
  record: RequestRecord,
  spanId: string,
  propagate: readonly Propagated[],
  carried: Carried | undefined,
): void {
  for (const format of propagate) {
    if (format === 'w3c') writeW3c(out, record, spanId);
    else if (format === 'baggage') writeBaggage(out, carried);
    else writeOther(out, format, { ...contextOf(record), spanId, isDebug: carried?.isDebug ?? false });
  }
}

function contextOf({ traceId, sampled }: RequestRecord): { traceId: string; sampled: boolean } {
  return { traceId, sampled };
}

function writeW3c(out: string[], { traceId, sampled, traceState }: RequestRecord, spanId: string): void {
  out.push('traceparent', formatTraceparent({ traceId, spanId, sampled }));
  if (traceState !== undefined) out.push('tracestate', traceState);
}

function writeBaggage(out: string[], carried: Carried | undefined): void {
  if (carried?.baggage !== undefined) out.push('baggage', carried.baggage);
}

function writeOther(
  out: string[],
  format: 'b3' | 'b3multi' | 'jaeger',
  context: { traceId: string; spanId: string; sampled: boolean; isDebug: boolean },
): void {
  if (format === 'b3') out.push('b3', formatB3(context));
  else if (format === 'jaeger') out.push('uber-trace-id', formatUberTraceId(context));
  else {
    out.push('x-b3-traceid', context.traceId, 'x-b3-spanid', context.spanId);
    // the debug flag implies the decision, which is not to be sent beside it
    if (context.isDebug) out.push('x-b3-flags', '1');
    else out.push('x-b3-sampled', context.sampled ? '1' : '0');
  }
}
