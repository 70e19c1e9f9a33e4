import type { PolicyRecord } from '@clearway/telemetry';
import type { Redis } from 'ioredis';
import type { RouteConfiguration } from '../configuration/schema.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { rateLimit } from './rate-limit.ts';

/** What policies share. */
export interface PolicyResources {
  /** Where limits are counted together with other gateways; in this process when absent. */
  readonly redis?: Redis | undefined;
}

/** A policy of one route. Throws a `Failure` to refuse. */
export interface Policy {
  readonly name: string;
  apply(exchange: Exchange): Promise<void> | void;
}

/** The policies of all routes. */
export interface Policies {
  /** Applies the policies of the exchange's route in order; the first that refuses ends it. */
  run(exchange: Exchange): Promise<void> | undefined;
}

/** Makes the policies that the routes configure. */
export function createPolicies(routes: readonly RouteConfiguration[], resources: PolicyResources): Policies {
  const byRoute = new Map<string, readonly Policy[]>();
  for (const { id, policies } of routes) {
    const list: Policy[] = [];
    if (policies.rateLimit) list.push(rateLimit(id, policies.rateLimit, resources));
    if (list.length > 0) byRoute.set(id, list);
  }
  return {
    run(exchange) {
      const list = byRoute.get(exchange.record.route);
      return list && applyAll(list, exchange);
    },
  };
}

async function applyAll(policies: readonly Policy[], exchange: Exchange): Promise<void> {
  for (const policy of policies) await recorded(policy, exchange);
}

async function recorded(policy: Policy, exchange: Exchange): Promise<void> {
  const { record } = exchange;
  const startMs = record.elapsedMs();
  let outcome: PolicyRecord['outcome'] = 'refused';
  try {
    await policy.apply(exchange);
    outcome = 'passed';
  } finally {
    record.policies.push({ name: policy.name, startMs, durationMs: record.elapsedMs() - startMs, outcome });
  }
}
