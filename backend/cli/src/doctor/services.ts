import type { CliContext } from '../context.ts';
import { errorText, failed, ok, skipped, warning, type Check, type Finding } from './finding.ts';
import { ask } from './http.ts';

/** Whether the worker is there and ready. */
export function workerCheck(context: CliContext): Check {
  const url = `http://127.0.0.1:${context.variables['WORKER_PORT'] ?? 8002}`;
  return {
    name: 'worker',
    async run(signal) {
      const reply = await ask(`${url}/readyz`, { signal });
      if ('unreachable' in reply)
        return warning(`${url} does not answer (${reply.unreachable})`, "'npm start' starts it");
      return reply.status === 200
        ? ok(`${url} is ready`)
        : warning(`${url} is not ready (${reply.status})`, 'see its log');
    },
  };
}

const REDIS_LIMIT_MS = 2000;

/** Whether Redis answers, when it is configured. */
export function redisCheck(context: CliContext): Check {
  const url = context.variables['REDIS_URL'];
  return {
    name: 'redis',
    async run() {
      if (url === undefined) return skipped('REDIS_URL is not set: limits are counted in each gateway by itself');
      const { Redis } = await import('ioredis');
      const redis = new Redis(url, {
        lazyConnect: true,
        connectTimeout: REDIS_LIMIT_MS,
        commandTimeout: REDIS_LIMIT_MS,
        maxRetriesPerRequest: 0,
        retryStrategy: () => null,
      });
      let reason: unknown;
      redis.on('error', (error) => (reason = error));
      const place = `${redis.options.host}:${redis.options.port}`;
      try {
        await redis.connect();
        await redis.ping();
        return ok(`${place} answers`);
      } catch (error) {
        const remedy = 'start it, or correct REDIS_URL; until then limits are counted in each gateway by itself';
        return failed(`${place} does not answer: ${errorText(reason ?? error)}`, remedy);
      } finally {
        redis.disconnect();
      }
    },
  };
}

const SENTRY_LIMIT_MS = 4000;

/**
 * Whether the Sentry DSN can be one, and with `sendTest` whether an event arrives.
 *
 * @param sendTest sends an event: only when asked, since it counts against a quota and may page somebody
 */
export function sentryCheck(context: CliContext, sendTest: boolean): Check {
  const { SENTRY_DSN: dsn } = context.variables;
  return {
    name: 'sentry',
    run(): Promise<Finding> | Finding {
      if (dsn === undefined) return skipped('SENTRY_DSN is not set: errors are not reported');
      const url = URL.parse(dsn);
      const isDsn = url && /^https?:$/.test(url.protocol) && url.username !== '' && /\/\d+$/.test(url.pathname);
      if (!isDsn) {
        return failed(
          'SENTRY_DSN is no DSN',
          'copy it from the project settings in Sentry: https://<key>@<host>/<number>',
        );
      }
      const place = `${url.host}, project ${url.pathname.split('/').at(-1)}`;
      return sendTest ? sendTestEvent(dsn, place, context) : ok(`${place}; not tried: --sentry-test sends an event`);
    },
  };
}

async function sendTestEvent(dsn: string, place: string, { variables }: CliContext): Promise<Finding> {
  const { startErrors } = await import('@clearway/telemetry');
  const errors = startErrors({
    dsn,
    environment: variables['SENTRY_ENVIRONMENT'] ?? 'development',
    serviceName: 'clearway-doctor',
    release: variables['SENTRY_RELEASE'],
  });
  const sent = await errors.sendTest(SENTRY_LIMIT_MS);
  await errors.close(500);
  if (sent?.delivered) return ok(`${place} took the test event ${sent.eventId}`);
  return failed(
    `${place} did not take the test event`,
    'see whether the host can be reached from here and the key is still valid',
  );
}
