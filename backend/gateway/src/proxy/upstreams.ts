import { isIP } from 'node:net';
import { Pool } from 'undici';
import type { UpstreamConfiguration } from '../configuration/schema.ts';
import { createBalancer, type Balancer } from './load-balancing.ts';

/** One origin of an upstream, with its connections. */
export interface Target {
  readonly origin: string;
  /** `host` or `host:port`: the `Host` field. */
  readonly authority: string;
  readonly isTls: boolean;
  /** The name that its certificate is for; undefined without TLS and for an address. */
  readonly serverName: string | undefined;
  readonly weight: number;
  readonly maxConnections: number;
  readonly pool: Pool;
  inFlight: number;
}

/** A running upstream. */
export interface Upstream {
  readonly name: string;
  readonly configuration: UpstreamConfiguration;
  readonly targets: readonly Target[];
  readonly choose: Balancer<Target>;
}

/** All upstreams of a configuration; those that a reload leaves as they were keep their connections. */
export class Upstreams {
  readonly #byName = new Map<string, Upstream>();

  /**
   * @param configurations by name
   * @param previous reused where nothing changed
   */
  constructor(configurations: Readonly<Record<string, UpstreamConfiguration>>, previous?: Upstreams) {
    for (const [name, configuration] of Object.entries(configurations)) {
      const old = previous?.get(name);
      const isSame = old && JSON.stringify(old.configuration) === JSON.stringify(configuration);
      this.#byName.set(name, isSame ? old : openUpstream(name, configuration));
    }
  }

  /** The upstream of that name. */
  get(name: string): Upstream | undefined {
    return this.#byName.get(name);
  }

  /**
   * Closes the connections once their requests are done.
   *
   * @param except upstreams that live on in one of these are left alone
   */
  async close(except: readonly Upstreams[]): Promise<void> {
    const livesOn = (upstream: Upstream): boolean => except.some((other) => other.get(upstream.name) === upstream);
    const closing = [...this.#byName.values()].filter((upstream) => !livesOn(upstream));
    await Promise.allSettled(closing.flatMap(({ targets }) => targets.map(({ pool }) => pool.close())));
  }

  /** Closes all connections at once. */
  async destroy(): Promise<void> {
    await Promise.allSettled([...this.#byName.values()].flatMap(({ targets }) => targets.map((t) => t.pool.destroy())));
  }
}

function openUpstream(name: string, configuration: UpstreamConfiguration): Upstream {
  return {
    name,
    configuration,
    targets: configuration.targets.map(({ url, weight }) => openTarget(url, weight, configuration)),
    choose: createBalancer<Target>(configuration.balance),
  };
}

function openTarget(url: string, weight: number, configuration: UpstreamConfiguration): Target {
  const { origin, host, hostname, protocol } = new URL(url);
  const isTls = protocol === 'https:';
  const pool = new Pool(origin, {
    connections: configuration.connections,
    pipelining: 1,
    // the exchange keeps all time limits itself: undici's timers have a resolution of about a second
    headersTimeout: 0,
    bodyTimeout: 0,
    connectTimeout: configuration.timeouts.connectMs,
    keepAliveTimeout: 10_000,
  });
  return {
    origin,
    authority: host,
    isTls,
    serverName: isTls && isIP(hostname) === 0 && !hostname.startsWith('[') ? hostname : undefined,
    weight,
    maxConnections: configuration.connections,
    pool,
    inFlight: 0,
  };
}
