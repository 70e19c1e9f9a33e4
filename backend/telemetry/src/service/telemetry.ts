import { readEnvironment } from '@clearway/kernel';
import {
  otlpLogsTarget,
  telemetryEnvironment,
  tracingOptions,
  type TelemetryEnvironment,
} from '../config/environment.ts';
import { startErrors, type Errors } from '../errors/index.ts';
import { createLogger, type Logs } from '../logs/index.ts';
import { createMetrics, telemetryMetrics, type Metrics, type TelemetryMetrics } from '../metrics/index.ts';
import { startTracing, type InstrumentationSet, type Tracing } from '../tracing/index.ts';
import { DEFAULT_IGNORED_PATHS } from '../tracing/instrumentations.ts';
import { within } from '../within.ts';
import { poolMetrics, type PoolMetrics } from './database/pool-metrics.ts';
import { serviceMetrics, type ServiceMetrics } from './metrics.ts';

/** What a service is, beside its variables. */
export interface ServiceTelemetryOptions {
  /** Used unless `OTEL_SERVICE_NAME` is set. */
  readonly serviceName: string;
  readonly serviceVersion: string;
  /** Default `service`. */
  readonly instrumentations?: InstrumentationSet | undefined;
  /** Paths that are not traced, beside probes and `/metrics`: as they are, or `/path/*` for all below one. */
  readonly untracedPaths?: readonly string[] | undefined;
}

/** All signals of one service. */
export interface ServiceTelemetry {
  readonly serviceName: string;
  readonly tracing: Tracing;
  readonly errors: Errors;
  readonly logs: Logs;
  readonly metrics: Metrics;
  readonly serviceMetrics: ServiceMetrics;
  readonly poolMetrics: PoolMetrics;
  readonly health: TelemetryMetrics;
  /** Flushes and stops all signals within `limitMs`; never rejects. */
  shutdown(limitMs: number): Promise<void>;
}

/**
 * Starts all signals of a service and makes them the ones that `requestTelemetry`, `logger` and the other helpers use.
 * Tracing starts first, so that what is loaded afterwards is instrumented.
 */
export function startServiceTelemetry(env: TelemetryEnvironment, options: ServiceTelemetryOptions): ServiceTelemetry {
  const { serviceVersion } = options;
  const serviceName = env.OTEL_SERVICE_NAME ?? options.serviceName;
  const instrumentations = options.instrumentations ?? 'service';
  const tracing = startTracing({
    ...tracingOptions(env, { serviceName, serviceVersion, instrumentations }),
    ignoredPaths: [...DEFAULT_IGNORED_PATHS, ...(options.untracedPaths ?? [])],
  });
  const errors = startErrors({
    dsn: env.SENTRY_DSN,
    environment: env.SENTRY_ENVIRONMENT,
    release: env.SENTRY_RELEASE ?? `${serviceName}@${serviceVersion}`,
    serviceName,
  });
  const endpoint = env.SENTRY_TRACES ? errors.tracesEndpoint() : undefined;
  if (endpoint) tracing.addEndpoint(endpoint);
  const target = tracing.enabled ? otlpLogsTarget(env) : undefined;
  const logs = createLogger({
    service: serviceName,
    level: env.LOG_LEVEL,
    pretty: env.LOG_FORMAT === 'auto' ? 'auto' : env.LOG_FORMAT === 'pretty',
    ...(target && { otlp: { ...target, resource: tracing.resource } }),
  });
  tracing.onProblem((message) => logs.logger.warn(message));
  const metrics = createMetrics({ service: serviceName, version: serviceVersion });
  current = {
    serviceName,
    tracing,
    errors,
    logs,
    metrics,
    serviceMetrics: serviceMetrics(metrics),
    poolMetrics: poolMetrics(metrics),
    health: telemetryMetrics(metrics, { tracing, logs, errors }),
    shutdown: async (limitMs) => {
      const startMs = performance.now();
      await Promise.all([within(limitMs, errors.close(limitMs)), tracing.shutdown(limitMs)]);
      // last, so that what the others had to say is written
      await logs.close(Math.max(100, limitMs - (performance.now() - startMs)));
    },
  };
  return current;
}

let current: ServiceTelemetry | undefined;

/**
 * The signals of this service. Without `import '@clearway/telemetry/register'` (in a unit test, say) they work all the
 * same, but nothing leaves the process except warnings and errors on stdout.
 */
export function serviceTelemetry(): ServiceTelemetry {
  return current ?? startServiceTelemetry(quietEnvironment(), { ...UNREGISTERED, instrumentations: 'none' });
}

const UNREGISTERED = { serviceName: 'service', serviceVersion: '0.0.0' };

function quietEnvironment(): TelemetryEnvironment {
  return readEnvironment(telemetryEnvironment, { variables: { OTEL_ENABLED: 'false', LOG_LEVEL: 'warn' } });
}
