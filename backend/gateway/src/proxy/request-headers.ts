import { formatTraceparent, type RequestRecord } from '@clearway/telemetry';
import type { IncomingMessage } from 'node:http';
import { isHopByHop, lowerName, nominatedByConnection } from './hop-by-hop.ts';

/** What the forwarded headers need to know besides the request. */
export interface ForwardingFacts {
  /** The CLIENT span of this attempt. */
  readonly spanId: string;
  /** `Host` that the target sees. */
  readonly host: string;
  /** Whether the peer's own `X-Forwarded-*` are kept and added to, or replaced. */
  readonly isPeerTrusted: boolean;
  readonly peerAddress: string;
}

/** Written by the gateway itself, so never passed on from the client. */
const REPLACED: ReadonlySet<string> = new Set([
  'host',
  'expect',
  'traceparent',
  'tracestate',
  'x-request-id',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'forwarded',
  'via',
]);

/** `X-Forwarded-Port`, `X-Real-IP` and the like: many upstreams believe them, so only a trusted proxy may send them. */
function tellsOfClient(name: string): boolean {
  return name.startsWith('x-') && (name.startsWith('x-forwarded-') || name === 'x-real-ip');
}

/**
 * The header fields for the upstream, as a flat list of names and values: order, case and repetition as the client
 * sent them, without fields of the connection, with the trace's context and what a proxy must add.
 *
 * Source: RFC 9110, 7.6 (message forwarding); W3C Trace Context, 3.
 */
export function upstreamHeaders(req: IncomingMessage, record: RequestRecord, facts: ForwardingFacts): string[] {
  const nominated = nominatedByConnection(req.headers.connection);
  const raw = req.rawHeaders;
  const out = ['host', facts.host];
  for (let i = 0; i < raw.length; i += 2) {
    const name = lowerName(raw[i] as string);
    if (REPLACED.has(name) || isHopByHop(name, nominated)) continue;
    if (!facts.isPeerTrusted && tellsOfClient(name)) continue;
    out.push(raw[i] as string, raw[i + 1] as string);
  }
  const { traceId, traceState, sampled, requestId } = record;
  out.push('traceparent', formatTraceparent({ traceId, spanId: facts.spanId, sampled }));
  if (traceState !== undefined) out.push('tracestate', traceState);
  const forwardedFor = facts.isPeerTrusted ? req.headers['x-forwarded-for'] : undefined;
  const via = req.headers.via;
  out.push(
    'x-request-id',
    requestId,
    'x-forwarded-for',
    forwardedFor === undefined ? facts.peerAddress : `${String(forwardedFor)}, ${facts.peerAddress}`,
    'x-forwarded-proto',
    record.scheme,
    'x-forwarded-host',
    record.host,
    'via',
    `${via === undefined ? '' : `${via}, `}${record.httpVersion} clearway`,
  );
  return out;
}
