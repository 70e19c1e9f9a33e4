import type { Logs } from '@clearway/telemetry';
import { Redis } from 'ioredis';

const LOG_INTERVAL_MS = 60_000;

/** Opens Redis so that its absence costs a request at most 200 ms and never fails it. */
export function openRedis(url: string, logger: Logs['logger']): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: 500,
    commandTimeout: 200,
    retryStrategy: (times) => Math.min(times * 100, 2000),
  });
  let loggedAtMs = -Infinity;
  redis.on('error', (error: Error) => {
    if (performance.now() - loggedAtMs < LOG_INTERVAL_MS) return;
    loggedAtMs = performance.now();
    logger.warn('redis is not reachable, limits are counted in this process', { error });
  });
  return redis;
}
