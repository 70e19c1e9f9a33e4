import type { GatewayConfiguration, UpstreamConfiguration } from '../configuration/schema.ts';
import type { DnsConfiguration } from '../configuration/upstream-schema.ts';
import { Places, startHealthChecks } from './health/health-checks.ts';
import type { Probe } from './health/probe.ts';
import { createBalancer, type Balancer } from './load-balancing.ts';
import { Names } from './names/names.ts';
import { createQuery } from './names/query.ts';
import type { UpstreamListener } from './upstream-events.ts';
import { closeTarget, destroyTarget, openTarget, type Target } from './targets.ts';
import { readTlsMaterial, type TlsMaterial } from './tls-material.ts';

export type { Target } from './targets.ts';

/** A running upstream. */
export interface Upstream {
  readonly name: string;
  readonly configuration: UpstreamConfiguration;
  readonly targets: readonly Target[];
  /** The targets that requests are sent to: the healthy ones, or all of them when too few are. */
  available: readonly Target[];
  readonly choose: Balancer<Target>;
  /** Ends its health checks. */
  readonly stopChecks: () => void;
  readonly tls: TlsMaterial;
}

/** All upstreams of a configuration; those that a reload leaves as they were keep their connections. */
export class Upstreams {
  readonly #byName = new Map<string, Upstream>();
  readonly #names: Names;
  readonly #dns: DnsConfiguration;

  /**
   * @param previous reused where nothing changed
   * @throws ConfigurationError when a file of the TLS options cannot be used; nothing is left open then
   */
  constructor(configuration: Configured, onEvent: UpstreamListener, previous?: Upstreams) {
    this.#dns = configuration.dns;
    const keepsNames = previous && JSON.stringify(previous.#dns) === JSON.stringify(this.#dns);
    this.#names = keepsNames ? previous.#names : new Names(createQuery(this.#dns), this.#dns.staleMs, onEvent);
    const materials = Object.entries(configuration.upstreams).map(([name, upstream]) => ({
      name,
      upstream,
      tls: readTlsMaterial(name, upstream),
    }));
    const places = new Places();
    for (const { name, upstream, tls } of materials) {
      const old = previous?.get(name);
      const isSame = keepsNames && old && isEqual([old.configuration, old.tls], [upstream, tls]);
      const parts = { names: this.#names, tls, places, onEvent, previous: old };
      this.#byName.set(name, isSame ? old : openUpstream(name, upstream, parts));
    }
  }

  /** The upstream of that name. */
  get(name: string): Upstream | undefined {
    return this.#byName.get(name);
  }

  /** All upstreams, in the order of the configuration. */
  all(): readonly Upstream[] {
    return [...this.#byName.values()];
  }

  /** The names of their targets. */
  get names(): Names {
    return this.#names;
  }

  /**
   * Closes the connections once their requests are done.
   *
   * @param except upstreams that live on in one of these are left alone
   */
  async close(except: readonly Upstreams[]): Promise<void> {
    const closing = this.all().filter((upstream) => !except.some((other) => other.get(upstream.name) === upstream));
    closing.forEach(({ stopChecks }) => stopChecks());
    await Promise.allSettled(closing.flatMap(({ targets }) => targets.map(closeTarget)));
    if (!except.some((other) => other.#names === this.#names)) this.#names.close();
  }

  /** Closes all connections at once. */
  async destroy(): Promise<void> {
    this.all().forEach(({ stopChecks }) => stopChecks());
    await Promise.allSettled(this.all().flatMap(({ targets }) => targets.map(destroyTarget)));
    this.#names.close();
  }
}

type Configured = Pick<GatewayConfiguration, 'upstreams' | 'dns'>;

interface UpstreamParts {
  readonly names: Names;
  readonly tls: TlsMaterial;
  readonly places: Places;
  readonly onEvent: UpstreamListener;
  /** The upstream of the same name under the configuration before: what is known of its targets' health stays known. */
  readonly previous: Upstream | undefined;
}

function openUpstream(name: string, configuration: UpstreamConfiguration, parts: UpstreamParts): Upstream {
  const { names, tls, places, onEvent, previous } = parts;
  const { healthCheck } = configuration;
  const isCheckedAlike = previous !== undefined && isEqual(previous.configuration.healthCheck, healthCheck);
  const targets = configuration.targets.map((target) => {
    const { origin } = new URL(target.url);
    const known = isCheckedAlike ? previous.targets.find((old) => old.origin === origin)?.health : undefined;
    return openTarget(target, configuration, { names, tls, previous: known });
  });
  const upstream: Upstream = {
    name,
    configuration,
    targets,
    available: usableTargets(targets, healthCheck?.panicBelowPercent ?? 0),
    choose: createBalancer<Target>(configuration.balance),
    stopChecks: healthCheck
      ? startHealthChecks({
          targets: targets.filter(({ probe }) => probe !== undefined),
          intervalMs: healthCheck.intervalMs,
          places,
          check: ({ probe }) => (probe as Probe).run(),
          onChecked: ({ origin, health }, outcome, hasChanged) => {
            if (hasChanged) upstream.available = usableTargets(targets, healthCheck.panicBelowPercent);
            onEvent({
              kind: 'checked',
              upstream: name,
              target: origin,
              outcome,
              isHealthy: health.isUsable,
              hasChanged,
            });
          },
        })
      : () => {},
    tls,
  };
  return upstream;
}

/**
 * The targets that requests are sent to: the healthy ones. Below the share `panicBelowPercent` of all it is taken that the
 * checks are wrong, or that the few that are left would break down as well, and all are used.
 *
 * Source of the idea: Envoy, "Panic threshold".
 */
export function usableTargets<T extends { readonly health: { readonly isUsable: boolean } }>(
  targets: readonly T[],
  panicBelowPercent: number,
): readonly T[] {
  const healthy = targets.filter(({ health }) => health.isUsable);
  return healthy.length * 100 < panicBelowPercent * targets.length ? targets : healthy;
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
