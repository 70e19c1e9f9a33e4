import type { IncomingHttpHeaders } from 'node:http';
import { isIP, type BlockList, type Socket } from 'node:net';
import type { GatewayConfiguration } from '../configuration/schema.ts';
import { readForwarded, type ForwardedElement } from './forwarded.ts';
import { contains, createNetworks, plainAddress } from './networks.ts';

/** What a caller is believed, and told. */
export interface Trust {
  /** Whether its trace is carried on. */
  readonly traceContext: boolean;
  /** Whether it decides if the trace is sampled. */
  readonly sampling: boolean;
  /** Whether its `X-Request-Id` is kept. */
  readonly requestId: boolean;
  /** Whether its `baggage` is passed on. */
  readonly baggage: boolean;
  /** Whether it is told the times of its request. */
  readonly timing: boolean;
}

/** The other end of a client connection. */
export interface Peer {
  readonly address: string;
  /** Whether its `X-Forwarded-*` are believed. */
  readonly isTrusted: boolean;
  readonly trust: Trust;
}

/** What trusted proxies tell of a client. */
export interface ToldByProxies {
  readonly address: string;
  readonly host: string | undefined;
  readonly scheme: string | undefined;
  /** Every address that was told, the nearest last. */
  readonly chain: readonly string[];
}

/** Callers behind proxies that are remembered: a stranger may come from any number of addresses. */
const KEPT_CALLERS = 1000;

/** Whom a configuration believes. */
export class TrustedNetworks {
  readonly #networks: Readonly<Record<keyof Trust, BlockList>>;
  readonly #proxies: BlockList;
  readonly #style: GatewayConfiguration['server']['proxyHeaders'];
  /** The open connections that have sent something: who stands there is the same for all its requests. */
  readonly #peers = new WeakMap<Socket, Peer>();
  readonly #callers = new Map<string, Trust>();

  /** @throws RangeError for an entry that is no network */
  constructor(server: GatewayConfiguration['server']) {
    const of = (networks: readonly string[] | undefined): BlockList => createNetworks(networks ?? server.trustIds);
    this.#proxies = createNetworks(server.trustProxies);
    this.#style = server.proxyHeaders;
    this.#networks = {
      traceContext: of(server.trustTraceContext),
      sampling: of(server.trustSampling),
      requestId: of(server.trustRequestId),
      baggage: of(server.trustBaggage),
      timing: of(server.showTimingTo),
    };
  }

  /** Who stands at the other end of a connection. */
  peerOf(socket: Socket): Peer {
    let peer = this.#peers.get(socket);
    if (peer === undefined) {
      const address = plainAddress(socket.remoteAddress);
      peer = { address, isTrusted: isIn(this.#proxies, address), trust: this.#trustOf(address) };
      this.#peers.set(socket, peer);
    }
    return peer;
  }

  /**
   * What a caller is believed that came through a trusted proxy: such a proxy passes on what strangers wrote, so it is
   * the caller's own address that counts.
   */
  ofCaller(address: string): Trust {
    let trust = this.#callers.get(address);
    if (trust === undefined) {
      trust = this.#trustOf(address);
      if (this.#callers.size >= KEPT_CALLERS) this.#callers.clear();
      this.#callers.set(address, trust);
    }
    return trust;
  }

  /**
   * What the trusted proxies before this one tell of the client: its address is the last one that none of them has, since
   * what stands further left may be invented.
   */
  told(headers: IncomingHttpHeaders, peerAddress: string): ToldByProxies {
    const elements = this.#style === 'forwarded' ? forwardedOf(headers) : xForwardedOf(headers);
    let address = peerAddress;
    let nearest: ForwardedElement | undefined;
    for (const element of elements.toReversed()) {
      const candidate = plainAddress(element.for);
      if (isIP(candidate) === 0) break;
      address = candidate;
      nearest = element;
      if (!contains(this.#proxies, candidate)) break;
    }
    const { host, proto } = nearest ?? elements.at(-1) ?? {};
    return { address, host, scheme: schemeOf(proto), chain: elements.flatMap((element) => element.for ?? []) };
  }

  #trustOf(address: string): Trust {
    const { traceContext, sampling, requestId, baggage, timing } = this.#networks;
    return {
      traceContext: isIn(traceContext, address),
      sampling: isIn(sampling, address),
      requestId: isIn(requestId, address),
      baggage: isIn(baggage, address),
      timing: isIn(timing, address),
    };
  }
}

function forwardedOf({ forwarded }: IncomingHttpHeaders): ForwardedElement[] {
  return forwarded === undefined ? [] : readForwarded(String(forwarded));
}

/** Of `X-Forwarded-Host` and `-Proto` there is one value for all hops. */
function xForwardedOf(headers: IncomingHttpHeaders): ForwardedElement[] {
  const addresses = String(headers['x-forwarded-for'] ?? '').split(',');
  const facts = { host: single(headers['x-forwarded-host']), proto: single(headers['x-forwarded-proto']) };
  return addresses.map((address) => ({ for: address.trim() || undefined, ...facts }));
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? undefined : value;
}

function schemeOf(value: string | undefined): string | undefined {
  const scheme = value?.toLowerCase();
  return scheme === 'http' || scheme === 'https' ? scheme : undefined;
}

function isIn(networks: BlockList, address: string): boolean {
  return isIP(address) !== 0 && contains(networks, address);
}
