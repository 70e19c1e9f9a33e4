import type { HealthCheck } from '@clearway/kernel';
import type { Redis } from 'ioredis';

/** Whether Redis answers. It is optional: without it limits are counted in this process. */
export function redisCheck(redis: Redis, onLost: () => void): HealthCheck {
  redis.on('close', onLost);
  return {
    id: 'redis',
    required: false,
    timeoutMs: 1000,
    target: `${redis.options.host ?? ''}:${redis.options.port ?? ''}`,
    async probe() {
      await redis.ping();
    },
  };
}
