import { HealthRegistry, type Lifecycle } from '@clearway/kernel';
import { withoutSpans } from '@clearway/telemetry';
import type { Redis } from 'ioredis';
import type { Env } from '../config/env.ts';
import { databaseCheck } from './database-check.ts';
import { httpCheck } from './http-check.ts';
import { redisCheck } from './redis-check.ts';
import type { GatewaySettings } from '../config/configuration.ts';

/** The health of what the gateway depends on. */
export interface Health {
  readonly health: HealthRegistry;
  /** Takes over the section `checks` of a new configuration. */
  readonly setChecks: (configuration: GatewaySettings) => void;
}

/** Opens the checks of the services that are configured, and of the section `checks`. */
export function openHealth(
  { env, lifecycle }: { env: Env; lifecycle: Lifecycle },
  configuration: GatewaySettings,
  redis: Redis | undefined,
): Health {
  // a probe is no request: its spans would be traces that nobody asked for
  const health = new HealthRegistry({ around: withoutSpans });
  if (env.DATABASE_URL !== undefined) {
    const check = databaseCheck(env.DATABASE_URL, () => health.recheck('database'));
    health.add(check);
    lifecycle.onRelease('database check', () => check.close());
  }
  if (redis) health.add(redisCheck(redis, () => health.recheck('redis')));
  let current: readonly string[] = [];
  const setChecks = ({ checks }: GatewaySettings): void => {
    current.forEach((id) => health.remove(id));
    checks.forEach((check) => health.add(httpCheck(check)));
    current = checks.map(({ id }) => id);
  };
  setChecks(configuration);
  return { health, setChecks };
}
