import type { RequestRecord } from '@clearway/telemetry';
import type { IncomingMessage } from 'node:http';
import type { Exchange } from '../pipeline/exchange.ts';
import { isHopByHop, lowerName, nominatedByConnection } from './hop-by-hop.ts';
import { TRACE_FIELDS, writeContext, type Propagated } from './propagation.ts';

/** What the forwarded headers need to know besides the request. */
export interface ForwardingFacts extends Pick<Exchange, 'isPeerTrusted' | 'peerAddress' | 'trust' | 'carried'> {
  /** The CLIENT span of this attempt. */
  readonly spanId: string;
  /** In which formats the upstream is told of the trace. */
  readonly propagate: readonly Propagated[];
  /** `Host` that the target sees. */
  readonly host: string;
}

/** Written by the gateway itself, so never passed on from the client. */
const REPLACED: ReadonlySet<string> = new Set([
  'host',
  'expect',
  ...TRACE_FIELDS,
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

/** Jaeger's own baggage: a field for each entry. */
const JAEGER_BAGGAGE = 'uberctx-';

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
    if (!facts.trust.baggage && name.startsWith(JAEGER_BAGGAGE)) continue;
    out.push(raw[i] as string, raw[i + 1] as string);
  }
  const { requestId } = record;
  writeContext(out, record, facts.spanId, facts.propagate, facts.carried);
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
