import { Failure } from '@clearway/kernel';
import { isIPv6 } from 'node:net';
import type { z } from 'zod';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import type { rateLimitSchema } from '../configuration/schema.ts';
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

/**
 * Who is counted as one caller: an IPv4 address, or the network of 64 bits that one IPv6 subscriber is given (RFC 6177).
 * By single addresses of it he would have a new allowance, and the gateway a new counter, with every request.
 *
 * @example
 * callerOf('2001:db8::1:2') // '2001:db8:0:0'
 */
export function callerOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.toLowerCase().split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  // an address that ends as IPv4 has one part less: those are the last two of eight
  const missing = tail === undefined ? 0 : 8 - before.length - after.length - (address.includes('.') ? 1 : 0);
  const groups = [...before, ...Array<string>(missing).fill('0'), ...after];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
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
