import type { IncomingMessage } from 'node:http';
import { hostOf } from '../../pipeline/arrival.ts';
import type { Runtime } from '../../pipeline/runtime.ts';
import { hostName } from '../../routing/host-name.ts';
import { readTarget } from '../../routing/target.ts';
import { hasBody } from '../request-body.ts';

/**
 * The protocol that a request's connection may be upgraded to, in lower case; undefined when it asks for none that its
 * route allows. A server may ignore the field then, and answers as if it had not been there.
 *
 * Source: RFC 9110, 7.8 (Upgrade); RFC 6455, 4.1 (a WebSocket is asked for by GET).
 */
export function acceptableUpgrade(req: IncomingMessage, runtime: Runtime): string | undefined {
  const { headers, method = '' } = req;
  // a body would stand between the request and the new protocol
  if (req.httpVersion !== '1.1' || hasBody(req) || !isAskedFor(headers.connection)) return undefined;
  const allowed = allowedUpgrades(req, runtime, method);
  const offered = String(headers.upgrade ?? '').split(',');
  const protocol = offered.map((name) => name.trim().toLowerCase()).find((name) => allowed.includes(name));
  return protocol === 'websocket' && method !== 'GET' ? undefined : protocol;
}

function isAskedFor(connection: string | undefined): boolean {
  return connection?.split(',').some((option) => option.trim().toLowerCase() === 'upgrade') ?? false;
}

function allowedUpgrades(req: IncomingMessage, runtime: Runtime, method: string): readonly string[] {
  const target = readTarget(req.url ?? '');
  if ('problem' in target || runtime.reserved.isReserved(target.path)) return [];
  const { address, isTrusted } = runtime.trusted.peerOf(req.socket);
  const host = hostName(hostOf(req, isTrusted ? runtime.trusted.told(req.headers, address) : undefined));
  const { path, query } = target;
  const match = runtime.table.match({ method, host, path, query, headers: req.headers });
  return 'route' in match ? match.route.configuration.upgrades : [];
}
