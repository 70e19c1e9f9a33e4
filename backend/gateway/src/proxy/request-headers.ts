import type { Propagated } from '../configuration/propagated.ts';
import type { UpstreamConfiguration } from '../configuration/schema.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { formatForwarded } from '../pipeline/forwarded.ts';
import { maxForwards } from '../pipeline/hops.ts';
import { isHopByHop, lowerName, nominatedByConnection } from './hop-by-hop.ts';
import { TRACE_FIELDS, writeContext } from './propagation.ts';

/** What the forwarded headers need to know besides the request. */
export interface ForwardingFacts {
  readonly exchange: Exchange;
  /** The CLIENT span of this attempt. */
  readonly spanId: string;
  /** In which formats the upstream is told of the trace. */
  readonly propagate: readonly Propagated[];
  /** `Host` that the target sees. */
  readonly host: string;
  /** How the upstream is told of the client. */
  readonly proxyHeaders: UpstreamConfiguration['proxyHeaders'];
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
  'max-forwards',
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
export function upstreamHeaders(facts: ForwardingFacts): string[] {
  const { exchange } = facts;
  const { req, record, runtime, trust } = exchange;
  const nominated = nominatedByConnection(req.headers.connection);
  const isTellingKept = exchange.isPeerTrusted && runtime.configuration.server.proxyHeaders === 'x-forwarded';
  const raw = req.rawHeaders;
  const out = ['host', facts.host];
  for (let i = 0; i < raw.length; i += 2) {
    const name = lowerName(raw[i] as string);
    if (REPLACED.has(name) || isHopByHop(name, nominated)) continue;
    if (!isTellingKept && tellsOfClient(name)) continue;
    if (!trust.baggage && name.startsWith(JAEGER_BAGGAGE)) continue;
    out.push(raw[i] as string, raw[i + 1] as string);
  }
  writeContext(out, record, facts.spanId, facts.propagate, exchange.carried);
  const { via } = req.headers;
  const hop = `${record.httpVersion} ${runtime.pseudonym}`;
  out.push('x-request-id', record.requestId, 'via', via === undefined ? hop : `${via}, ${hop}`);
  if (req.headers['max-forwards'] !== undefined) writeMaxForwards(out, exchange);
  tellOfClient(out, exchange, facts.proxyHeaders);
  return out;
}

/** Who asked, over what, and for which host. */
function tellOfClient(out: string[], exchange: Exchange, style: UpstreamConfiguration['proxyHeaders']): void {
  const { record, peerAddress, told } = exchange;
  if (style !== 'forwarded') {
    const chain = told === undefined || told.chain.length === 0 ? '' : `${told.chain.join(', ')}, `;
    out.push('x-forwarded-for', chain + peerAddress, 'x-forwarded-proto', record.scheme);
    out.push('x-forwarded-host', record.host);
  }
  if (style !== 'x-forwarded') {
    out.push('forwarded', formatForwarded([...(told?.chain ?? []), peerAddress], record.host, record.scheme));
  }
}

/** One hop less for the methods that count them (RFC 9110, 7.6.2); for any other it is passed on as it came. */
function writeMaxForwards(out: string[], { req, record }: Exchange): void {
  const value = String(req.headers['max-forwards']);
  const left = record.method === 'TRACE' || record.method === 'OPTIONS' ? maxForwards(value) : undefined;
  out.push('max-forwards', left === undefined ? value : String(left - 1));
}
