import { createGateway, type ClearwayConfiguration, type Gateway } from '@clearway/gateway';
import { ConfigurationError, HealthRegistry, renderProblems, type Lifecycle } from '@clearway/kernel';
import {
  accessLog,
  createLogger,
  createMetrics,
  createRecorder,
  otlpLogsTarget,
  requestMetrics,
  telemetryMetrics,
  type Errors,
  type Logs,
  type Recorder,
  type RequestRecord,
  type Tracing,
} from '@clearway/telemetry';
import type { Redis } from 'ioredis';
import { buildAdminApp } from './admin/admin-app.ts';
import { createRecentRecords } from './admin/recent-records.ts';
import { buildApp } from './app.ts';
import { openConfiguration, type ReloadOutcome } from './config/configuration.ts';
import { isConfigured, type Env } from './config/env.ts';
import { startSentry } from './config/sentry.ts';
import { SERVICE, VERSION } from './config/version.ts';
import { databaseCheck } from './health/database-check.ts';
import type { HealthSources } from './health/health-router.ts';
import { httpCheck } from './health/http-check.ts';
import { createReadiness } from './health/readiness.ts';
import { redisCheck } from './health/redis-check.ts';
import { listen } from './listener.ts';
import { answerMalformedRequests } from './malformed-requests.ts';
import { openRedis } from './redis.ts';
import { reloadMetrics } from './reload-metrics.ts';

/** What the process is given. */
export interface GatewayProcessOptions {
  readonly env: Env;
  readonly tracing: Tracing;
  /** For values `env:NAME` of the configuration. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly lifecycle: Lifecycle;
}

/** The running process. */
export interface GatewayProcess {
  readonly port: number;
  readonly adminPort: number;
  readonly gateway: Gateway;
  readonly logger: Logs['logger'];
  readonly errors: Errors;
  readonly reload: () => void;
}

/** Time for what is queued to leave at the end. */
const FLUSH_LIMIT_MS = 3000;

/**
 * The composition root: opens everything that the process needs and registers each release on the line that opened it.
 * Longer than other functions because it is nothing but that list.
 *
 * @throws ConfigurationError before any port is opened
 */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const { env, tracing, lifecycle, variables } = options;
  const readiness = createReadiness();

  // configuration first: a faulty one must end the start before anything is opened
  const onReload: ((outcome: ReloadOutcome) => void)[] = [];
  const swaps: ((next: ClearwayConfiguration) => void)[] = [];
  const active = openConfiguration({
    file: env.CLEARWAY_CONFIG,
    variables,
    swap: (next) => swaps.forEach((swap) => swap(next)),
    onReload: (outcome) => onReload.forEach((listener) => listener(outcome)),
  });

  // telemetry: released last, so that it hears of everything before
  lifecycle.onRelease('tracing', () => tracing.shutdown(FLUSH_LIMIT_MS));
  const errors = startSentry(env, tracing);
  lifecycle.onRelease('errors', () => errors.close(FLUSH_LIMIT_MS));
  const logs = openLogs(env, tracing);
  lifecycle.onRelease('logs', () => logs.close(FLUSH_LIMIT_MS));
  tracing.onProblem((message) => logs.logger.warn(message));
  const metrics = createMetrics({ service: SERVICE, version: VERSION, commit: env.CLEARWAY_COMMIT });
  const requests = requestMetrics(metrics, labelsOf(active.current));
  const records = createRecentRecords(env.RECENT_RECORDS);
  const telemetryHealth = telemetryMetrics(metrics, { tracing, logs, errors });
  const recorder = createRecorder(
    [
      { name: 'metrics', accept: requests.sink },
      { name: 'open', accept: () => requests.closed() },
      { name: 'spans', accept: tracing.spanSink },
      { name: 'log', accept: accessLog(logs.logger) },
      { name: 'errors', accept: errors.recordSink },
      { name: 'recent', accept: records.sink },
    ],
    (sink, error) => {
      telemetryHealth.sinkFailed(sink);
      logs.logger.error('a telemetry sink failed', { sink, error });
    },
  );
  const onOpen = (): void => requests.opened();

  // the data plane
  const redis = isConfigured(env, 'redis') ? openRedis(env.REDIS_URL ?? '', logs.logger) : undefined;
  if (redis) lifecycle.onRelease('redis', () => redis.disconnect());
  const gateway = createGateway({
    configuration: active.current,
    recorder,
    onOpen,
    sampleRatio: env.TRACE_SAMPLE_RATIO,
    resources: { redis },
  });
  lifecycle.onRelease('upstreams', () => gateway.close());
  swaps.push((next) => gateway.swap(next));
  swaps.push((next) => requests.setLabels(labelsOf(next)));
  onReload.push(reloadMetrics(metrics), (outcome) => logReload(logs, outcome));

  // health
  const health = openHealth(env, active.current, redis, lifecycle);
  const sources = { health, readiness, environment: env.SENTRY_ENVIRONMENT, version: VERSION };

  // listeners
  const admin = await listen(
    buildAdminApp({ ...sources, tokens: env.OPERATIONS_TOKENS, metrics, logs, records, active }),
    { host: env.ADMIN_HOST, port: env.ADMIN_PORT, portVariable: 'ADMIN_PORT' },
  );
  lifecycle.onRelease('admin listener', () => admin.close());
  const publicListener = await openPublicListener(options, { gateway, recorder, onOpen, sources });
  const watcher = active.watch();
  lifecycle.onRelease('configuration watch', () => watcher.close());

  readiness.ready();
  logs.logger.info('gateway ready', { port: publicListener.port, admin_port: admin.port, version: VERSION });
  return {
    port: publicListener.port,
    adminPort: admin.port,
    gateway,
    logger: logs.logger,
    errors,
    reload: () => void active.reload('signal').catch(() => undefined),
  };
}

/** Opens the public listener; its release is the drain. */
async function openPublicListener(
  { env, lifecycle }: GatewayProcessOptions,
  parts: {
    gateway: Gateway;
    recorder: Recorder;
    onOpen: (record: RequestRecord) => void;
    sources: HealthSources;
  },
) {
  const { gateway, sources } = parts;
  const { server: limits } = gateway.configuration;
  const listener = await listen(buildApp({ ...sources, gateway, tokens: env.OPERATIONS_TOKENS }), {
    host: env.GATEWAY_HOST,
    port: env.GATEWAY_PORT,
    portVariable: 'GATEWAY_PORT',
    options: {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: 5000,
      // refused by the pipeline instead, so that this answer too has its ids and its record
      requireHostHeader: false,
    },
  });
  listener.server.maxConnections = limits.maxConnections;
  answerMalformedRequests(listener.server, parts);
  lifecycle.onRelease(
    'public listener',
    async () => {
      const { delayMs, limitMs } = gateway.configuration.server.drain;
      sources.readiness.drain();
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await listener.stopAccepting();
      await gateway.drained(limitMs);
      await listener.close();
    },
    limits.drain.delayMs + limits.drain.limitMs + 1000,
  );
  return listener;
}

function openLogs(env: Env, tracing: Tracing): Logs {
  const target = otlpLogsTarget(env);
  return createLogger({
    service: env.OTEL_SERVICE_NAME ?? SERVICE,
    level: env.LOG_LEVEL,
    pretty: env.LOG_FORMAT === 'auto' ? 'auto' : env.LOG_FORMAT === 'pretty',
    otlp: target && { ...target, resource: tracing.resource },
  });
}

function openHealth(
  env: Env,
  configuration: ClearwayConfiguration,
  redis: Redis | undefined,
  lifecycle: Lifecycle,
): HealthRegistry {
  const health = new HealthRegistry();
  if (env.DATABASE_URL !== undefined) {
    const check = databaseCheck(env.DATABASE_URL, () => health.invalidate('database'));
    health.add(check);
    lifecycle.onRelease('database check', () => check.close());
  }
  if (redis) health.add(redisCheck(redis, () => health.invalidate('redis')));
  for (const check of configuration.checks) health.add(httpCheck(check));
  return health;
}

function labelsOf({ routes, upstreams }: ClearwayConfiguration) {
  return { routes: routes.map(({ id }) => id), upstreams: Object.keys(upstreams) };
}

function logReload({ logger }: Logs, { cause, changed, error }: ReloadOutcome): void {
  if (error instanceof ConfigurationError) {
    const problems = renderProblems(error.problems);
    logger.error('the new configuration was refused, the old one stays', { cause, problems });
  } else if (error) logger.error('the configuration could not be read, the old one stays', { cause, error });
  else logger.info(changed ? 'configuration changed' : 'configuration read, nothing changed', { cause });
}
