import type { IncomingHttpHeaders } from 'node:http';
import { parseB3, parseB3Multi } from './b3.ts';
import { parseUberTraceId } from './jaeger.ts';
import { NO_CONTEXT, parseTraceparent, type RemoteContext } from './trace-context.ts';
import { parseTraceState } from './trace-state.ts';

/**
 * Reads the trace context of a request. The first format that is there decides, in this order: W3C `traceparent`, `b3`,
 * `X-B3-*`, `uber-trace-id`. When it is invalid the trace begins anew: a second format is not asked, since a caller that
 * speaks two and breaks one would have its spans joined to a trace that it did not mean.
 *
 * @returns undefined when the request has none of them
 * @example
 * readContext({ b3: '80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1' })?.sampled // true
 */
export function readContext(headers: IncomingHttpHeaders): RemoteContext | undefined {
  const { traceparent } = headers;
  if (traceparent !== undefined) {
    const parent = parseTraceparent(single(traceparent));
    return parent
      ? { ...parent, traceState: parseTraceState(joined(headers['tracestate'])), isDebug: false }
      : NO_CONTEXT;
  }
  const { b3 } = headers;
  if (b3 !== undefined) return parseB3(single(b3));
  const fields = {
    traceId: single(headers['x-b3-traceid']),
    spanId: single(headers['x-b3-spanid']),
    sampled: single(headers['x-b3-sampled']),
    flags: single(headers['x-b3-flags']),
  };
  if ((fields.traceId ?? fields.sampled ?? fields.flags) !== undefined) return parseB3Multi(fields);
  const uber = headers['uber-trace-id'];
  return uber === undefined ? undefined : parseUberTraceId(single(uber));
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? undefined : value;
}

function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}
