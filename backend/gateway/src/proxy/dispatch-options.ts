import type { RequestRecord } from '@clearway/telemetry';
import type { Dispatcher } from 'undici';
import type { Exchange } from '../pipeline/exchange.ts';
import { forwardedPath } from '../routing/target.ts';
import type { OwnConnectionRequest } from './own-connection.ts';
import type { RequestBody } from './request-body.ts';
import { upstreamHeaders } from './request-headers.ts';
import { fieldOf } from './response-headers.ts';
import { takesTrailers } from './trailers.ts';
import type { Target, Upstream } from './upstreams.ts';

/** The request as a target is sent it. */
export function dispatchOptions(
  exchange: Exchange,
  { configuration }: Upstream,
  target: Target,
  spanId: string,
  body: RequestBody | undefined,
): Dispatcher.DispatchOptions {
  const { record, route } = exchange;
  const { path, query } = record;
  const upstreamPath = forwardedPath(path, route?.configuration.stripPrefix);
  return {
    method: record.method,
    path: query === '' ? upstreamPath : `${upstreamPath}?${query}`,
    headers: upstreamHeaders({
      exchange,
      spanId,
      host: hostFor(configuration.hostHeader, record, target),
      propagate: configuration.propagate,
      proxyHeaders: configuration.proxyHeaders,
    }),
    body: body ?? null,
    // whether undici may put it behind another on one connection: never
    blocking: true,
    // else undici takes it from Host: clients could choose it, and each change would close the connection
    ...(target.isTls && { servername: target.serverName ?? target.hostname }),
  };
}

/**
 * Whether a request needs a connection to itself: it asks for another protocol, waits to be asked for its body, or takes
 * fields after the answer's, which the upstream is to be told by fields of the connection.
 */
export function needsOwnConnection(exchange: Exchange): boolean {
  return exchange.upgrade !== undefined || exchange.isExpecting || takesTrailers(exchange);
}

/** The request as it is sent over a connection of its own, with the fields of that connection. */
export function ownConnectionRequest(
  exchange: Exchange,
  { method, path, headers }: Dispatcher.DispatchOptions,
  body: RequestBody | undefined,
): OwnConnectionRequest {
  const fields = headers as string[];
  const { upgrade, isExpecting } = exchange;
  if (upgrade) fields.push('Connection', 'Upgrade', 'Upgrade', upgrade.protocol);
  else if (takesTrailers(exchange)) fields.push('Connection', 'close, TE', 'TE', 'trailers');
  else fields.push('Connection', 'close');
  if (isExpecting) fields.push('Expect', '100-continue');
  if (body !== undefined && fieldOf(fields, 'content-length') === undefined) {
    fields.push('Transfer-Encoding', 'chunked');
  }
  return { method, path, headers: fields, body, isExpecting };
}

function hostFor(policy: string, record: RequestRecord, target: Target): string {
  if (policy === 'target') return target.authority;
  return policy === 'client' ? record.host : policy;
}
