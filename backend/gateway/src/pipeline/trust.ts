import { isIP, type BlockList, type Socket } from 'node:net';
import type { GatewayConfiguration } from '../configuration/schema.ts';
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

/** Callers behind proxies that are remembered: a stranger may come from any number of addresses. */
const KEPT_CALLERS = 1000;

/** Whom a configuration believes. */
export class TrustedNetworks {
  readonly #networks: Readonly<Record<keyof Trust, BlockList>>;
  readonly #proxies: BlockList;
  /** The open connections that have sent something: who stands there is the same for all its requests. */
  readonly #peers = new WeakMap<Socket, Peer>();
  readonly #callers = new Map<string, Trust>();

  /** @throws RangeError for an entry that is no network */
  constructor(server: GatewayConfiguration['server']) {
    const of = (networks: readonly string[] | undefined): BlockList => createNetworks(networks ?? server.trustIds);
    this.#proxies = createNetworks(server.trustProxies);
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

  /** The last address that no trusted proxy gave: what stands further left may be invented. */
  clientAddress(forwardedFor: string | string[] | undefined, peerAddress: string): string {
    let address = peerAddress;
    for (const entry of String(forwardedFor ?? '')
      .split(',')
      .reverse()) {
      const candidate = plainAddress(entry.trim());
      if (isIP(candidate) === 0) return address;
      address = candidate;
      if (!contains(this.#proxies, candidate)) return address;
    }
    return address;
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

function isIn(networks: BlockList, address: string): boolean {
  return isIP(address) !== 0 && contains(networks, address);
}
