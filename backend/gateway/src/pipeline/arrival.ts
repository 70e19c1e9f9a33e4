import { newSpanId, newTraceId, parseTraceparent, RequestRecord } from '@clearway/telemetry';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Exchange } from './exchange.ts';
import { contains, plainAddress } from './networks.ts';
import type { Peer, Runtime } from './runtime.ts';

const REQUEST_ID = /^[\w.:+/=@-]{1,128}$/;
const MAX_TRACESTATE_CHARACTERS = 512;

/** Opens the record of a request: who sent it, and to which trace it belongs. */
export function openExchange(req: IncomingMessage, res: ServerResponse, runtime: Runtime): Exchange {
  const { address: peerAddress, isTrusted: isPeerTrusted, areIdsTrusted } = peerOf(req.socket, runtime);
  const { headers } = req;
  const parent = areIdsTrusted ? parseTraceparent(single(headers['traceparent'])) : undefined;
  const requestId = areIdsTrusted ? single(headers['x-request-id']) : undefined;
  const isTls = (req.socket as Partial<TLSSocket>).encrypted === true;
  const spanId = newSpanId();
  const record = new RequestRecord({
    traceId: parent?.traceId ?? newTraceId(),
    spanId,
    parentSpanId: parent?.spanId,
    traceState: parent && traceState(single(headers['tracestate'])),
    requestId: requestId !== undefined && REQUEST_ID.test(requestId) ? requestId : newTraceId(),
    method: req.method ?? '',
    scheme: (isPeerTrusted && forwardedScheme(headers['x-forwarded-proto'])) || (isTls ? 'https' : 'http'),
    host: (isPeerTrusted && single(headers['x-forwarded-host'])) || (headers.host ?? ''),
    httpVersion: req.httpVersion,
    clientAddress: isPeerTrusted ? clientAddress(headers['x-forwarded-for'], peerAddress, runtime) : peerAddress,
    userAgent: headers['user-agent'],
  });
  if (parent) record.sampled = parent.sampled;
  return { req, res, record, runtime, peerAddress, isPeerTrusted, route: undefined, running: undefined };
}

/** Who stands at the other end of a connection: the same for all its requests under one configuration. */
function peerOf(socket: Socket, runtime: Runtime): Peer {
  let peer = runtime.peers.get(socket);
  if (peer === undefined) {
    const address = plainAddress(socket.remoteAddress);
    const { trustProxies, trustIds } = runtime;
    peer = { address, isTrusted: isIn(trustProxies, address), areIdsTrusted: isIn(trustIds, address) };
    runtime.peers.set(socket, peer);
  }
  return peer;
}

function isIn(networks: Runtime['trustIds'], address: string): boolean {
  return isIP(address) !== 0 && contains(networks, address);
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? undefined : value;
}

function traceState(value: string | undefined): string | undefined {
  return value !== undefined && value.length <= MAX_TRACESTATE_CHARACTERS ? value : undefined;
}

function forwardedScheme(value: string | string[] | undefined): string | undefined {
  const scheme = single(value)?.toLowerCase();
  return scheme === 'http' || scheme === 'https' ? scheme : undefined;
}

/** The last address that no trusted proxy gave: what stands further left may be invented. */
function clientAddress(forwardedFor: string | string[] | undefined, peerAddress: string, runtime: Runtime): string {
  let address = peerAddress;
  for (const entry of String(forwardedFor ?? '')
    .split(',')
    .reverse()) {
    const candidate = plainAddress(entry.trim());
    if (isIP(candidate) === 0) return address;
    address = candidate;
    if (!contains(runtime.trustProxies, candidate)) return address;
  }
  return address;
}
