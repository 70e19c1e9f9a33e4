import { Failure } from '@clearway/kernel';
import type { z } from 'zod';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import type { rateLimitSchema } from '../configuration/schema.ts';
import { callerOf } from './caller.ts';
import type { Policy, PolicyResources } from './policies.ts';

/**
 * Limits the requests of one caller in a window.
 *
 * With Redis the limit holds over all gateways; while Redis is away or slow each gateway counts by itself, so that the
 * limit never stops traffic.
 *
 * @param routeId counted apart for each route
 * @example
 * rateLimit('tracks', { limit: 100, windowSeconds: 60, by: 'client-address' }, {});
 */
export function rateLimit(
  routeId: string,
  options: z.output<typeof rateLimitSchema>,
  resources: PolicyResources,
): Policy {
  const { limit, windowSeconds, by } = options;
  const limiter = createLimiter(routeId, limit, windowSeconds, resources);
  return {
    name: 'rate-limit',
    async apply({ record }) {
      const key = by === 'route' ? '*' : callerOf(record.clientAddress);
      try {
        await limiter.consume(key);
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        const retryAfterSeconds = Math.max(1, Math.ceil(error.msBeforeNext / 1000));
        throw new Failure('rate_limited', {
          detail: `At most ${limit} requests in ${windowSeconds} s.`,
          headers: { 'retry-after': String(retryAfterSeconds) },
        });
      }
    },
  };
}

function createLimiter(
  routeId: string,
  points: number,
  duration: number,
  { redis }: PolicyResources,
): RateLimiterAbstract {
  const memory = new RateLimiterMemory({ points, duration });
  if (!redis) return memory;
  return new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: `clearway:rate:${routeId}`,
    points,
    duration,
    rejectIfRedisNotReady: true,
    insuranceLimiter: memory,
  });
}
