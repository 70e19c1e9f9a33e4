import type { TargetStatus, UpstreamList } from '@clearway/contracts';
import type { Gateway, Target, Upstream } from '@clearway/gateway';
import { scrub } from '@clearway/telemetry';

type Upstreams = Gateway['runtime']['upstreams'];
type Names = Upstreams['names'];

/**
 * The upstreams at this moment: which targets are used, how busy they are, what their last check found.
 *
 * @param showDetails adds error texts and addresses, which are for operators only
 */
export function upstreamList(upstreams: Upstreams, showDetails: boolean): UpstreamList {
  return {
    upstreams: upstreams.all().map((upstream) => {
      const { name, configuration, targets, available } = upstream;
      return {
        name,
        balance: configuration.balance,
        checked: configuration.healthCheck !== undefined,
        panicking: available.some(({ health }) => !health.isUsable),
        targets: targets.map((target) => statusOf(target, upstream, upstreams.names, showDetails)),
      };
    }),
  };
}

function statusOf(target: Target, { available }: Upstream, names: Names, showDetails: boolean): TargetStatus {
  const { origin, weight, health, inFlight, pool, maxConnections } = target;
  return {
    url: origin,
    weight,
    state: health.state,
    since: timeOf(health.sinceMs),
    used: available.includes(target),
    inFlight,
    connections: { ...pool.stats(), limit: maxConnections },
    ...lastCheckOf(target, showDetails),
    ...(showDetails && nameOf(target, names)),
  };
}

function lastCheckOf({ health: { last } }: Target, showDetails: boolean): Pick<TargetStatus, 'lastCheck'> {
  if (!last) return {};
  const { isPassed, atMs, durationMs, status, reason, cause } = last;
  return {
    lastCheck: {
      passed: isPassed,
      checkedAt: timeOf(atMs),
      durationMs: Math.round(durationMs * 1000) / 1000,
      ...(status !== undefined && { status }),
      ...(reason !== undefined && { reason }),
      ...(showDetails && cause !== undefined && { cause: scrub(cause) }),
    },
  };
}

function nameOf({ hostname }: Target, names: Names): Pick<TargetStatus, 'name'> {
  const status = names.status(hostname);
  if (!status) return {};
  const { addresses, expiresAtMs, error } = status;
  return {
    name: {
      addresses,
      ...(expiresAtMs !== undefined && { expiresAt: timeOf(expiresAtMs) }),
      ...(error !== undefined && { error }),
    },
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
