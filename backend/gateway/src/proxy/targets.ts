import { buildConnector } from 'undici';
import type { UpstreamConfiguration } from '../configuration/schema.ts';
import type { Connector } from './connections/connection.ts';
import { ConnectionPool } from './connections/connection-pool.ts';
import { refusingItself } from './connections/refuse-itself.ts';
import { Probe } from './health/probe.ts';
import { TargetHealth } from './health/target-health.ts';
import { isName, type Names } from './names/names.ts';
import type { TlsMaterial } from './tls-material.ts';

/** Requests on connections that are not of the pool. */
export interface Outside {
  upgrades: number;
  others: number;
}

/** One origin of an upstream, with its connections. */
export interface Target {
  readonly origin: string;
  /** `host` or `host:port`: the `Host` field. */
  readonly authority: string;
  readonly hostname: string;
  /** As a URL has it: empty for the usual one of the scheme. */
  readonly port: string;
  readonly isTls: boolean;
  /** The name that its certificate is for; undefined without TLS and for an address. */
  readonly serverName: string | undefined;
  readonly weight: number;
  readonly maxConnections: number;
  readonly pool: ConnectionPool;
  /** Opens a connection that is not of the pool; either side of it may end alone. */
  readonly connectAlone: Connector;
  /** How many requests have one of those. */
  readonly outside: Outside;
  readonly health: TargetHealth;
  /** Asks whether it is healthy; undefined when its upstream is not checked. */
  readonly probe: Probe | undefined;
  inFlight: number;
  /** Whether its name is waited for. */
  readonly isResolving: () => boolean;
  /** Ends the watch over its name. */
  readonly unwatch: (() => void) | undefined;
}

/**
 * Opens a target: no socket yet.
 *
 * @param previous the health of the same target under another configuration
 */
export function openTarget(
  { url, weight }: UpstreamConfiguration['targets'][number],
  configuration: UpstreamConfiguration,
  { names, tls, previous }: { names: Names; tls: TlsMaterial; previous?: TargetHealth | undefined },
): Target {
  const { origin, host, hostname, port, protocol } = new URL(url);
  const isTls = protocol === 'https:';
  const { connections, keepAliveMs, timeouts, healthCheck } = configuration;
  const serverName = isTls ? (configuration.tls?.serverName ?? (isName(hostname) ? hostname : undefined)) : undefined;
  const connectorWithin = (timeout: number, allowHalfOpen = false): Connector => {
    // HTTP/1.1 only: with HTTP/2 many requests would share one connection, and its end
    const options = { ...tls, timeout, lookup: names.lookup, allowH2: false, allowHalfOpen };
    const connector = refusingItself(buildConnector(options));
    return serverName === undefined ? withoutName(connector) : connector;
  };
  const pool = new ConnectionPool(origin, connections, { connector: connectorWithin(timeouts.connectMs), keepAliveMs });
  const known = { origin, authority: host, hostname, port, isTls, serverName };
  const isHostFixed = configuration.hostHeader !== 'target' && configuration.hostHeader !== 'client';
  const checkedHost = isHostFixed ? configuration.hostHeader : host;
  return {
    ...known,
    weight,
    maxConnections: connections,
    pool,
    connectAlone: connectorWithin(timeouts.connectMs, true),
    outside: { upgrades: 0, others: 0 },
    health: new TargetHealth(healthCheck ?? { healthyAfter: 1, unhealthyAfter: 1 }, Date.now(), previous),
    probe:
      healthCheck && new Probe({ ...known, host: checkedHost }, healthCheck, connectorWithin(healthCheck.timeoutMs)),
    inFlight: 0,
    isResolving: () => names.isPending(hostname),
    unwatch: isName(hostname)
      ? names.watch(hostname, (addresses) => pool.keepOnly((address) => addresses.includes(address)))
      : undefined,
  };
}

/** A connector that asks for no name: an address is none (RFC 6066, 3), and that in `Host` may be the client's. */
function withoutName(connector: Connector): Connector {
  return ({ servername: _, ...options }, callback) => connector(options, callback);
}

/** Closes its connections once their requests are done; nobody is asked about it any more. */
export async function closeTarget({ pool, probe, unwatch }: Target): Promise<void> {
  unwatch?.();
  await Promise.allSettled([pool.close(), probe?.close()]);
}

/** Closes all its connections at once. */
export async function destroyTarget({ pool, probe, unwatch }: Target): Promise<void> {
  unwatch?.();
  await Promise.allSettled([pool.destroy(), probe?.close()]);
}
