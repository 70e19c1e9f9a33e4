import { startErrors, type Errors, type Tracing } from '@clearway/telemetry';
import type { Env } from './env.ts';
import { SERVICE, VERSION } from './version.ts';

/** Starts error reporting; off without `SENTRY_DSN`. Spans go there too when `SENTRY_TRACES` says so. */
export function startSentry(env: Env, tracing: Tracing): Errors {
  const errors = startErrors({
    dsn: env.SENTRY_DSN,
    environment: env.SENTRY_ENVIRONMENT,
    release: env.SENTRY_RELEASE ?? `clearway@${VERSION}`,
    serviceName: env.OTEL_SERVICE_NAME ?? SERVICE,
  });
  const endpoint = env.SENTRY_TRACES ? errors.tracesEndpoint() : undefined;
  if (endpoint) tracing.addEndpoint(endpoint);
  return errors;
}
