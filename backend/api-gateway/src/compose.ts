import { createGateway, type Gateway, type UpstreamListener } from '@clearway/gateway';
import type { Lifecycle } from '@clearway/kernel';
import type { Errors, Logs, Tracing } from '@clearway/telemetry';
import { buildAdminApp } from './admin/admin-app.ts';
import { logReload } from './config/log-reload.ts';
import { openConfiguration, type GatewaySettings, type ReloadOutcome } from './config/configuration.ts';
import { isConfigured, type Env } from './config/env.ts';
import { VERSION } from './config/version.ts';
import type { FlightRecorder } from './flight-recorder/flight-recorder.ts';
import { openHealth } from './health/open-health.ts';
import { createReadiness } from './health/readiness.ts';
import { listen } from './listener.ts';
import { openPublicListener } from './public-listener.ts';
import { openRedis } from './redis.ts';
import { reloadMetrics } from './reload-metrics.ts';
import { openSignals } from './signals.ts';
import { upgradeMetrics } from './upgrade-metrics.ts';
import { logUpstreams } from './upstreams/log-upstreams.ts';
import { upstreamMetrics } from './upstreams/upstream-metrics.ts';

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
  /** To be told why the process ends, before it is released. */
  readonly flight: Pick<FlightRecorder, 'ending'>;
}

/**
 * The composition root: opens everything that the process needs and registers each release on the line that opened it.
 * Longer than other functions because it is nothing but that list.
 *
 * @throws ConfigurationError before any port is opened
 */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const { env, lifecycle, variables } = options;
  const readiness = createReadiness();

  // configuration first: a faulty one must end the start before anything is opened
  const onReload: ((outcome: ReloadOutcome) => void)[] = [];
  const swaps: ((next: GatewaySettings) => void)[] = [];
  const active = openConfiguration({
    file: env.CLEARWAY_CONFIG,
    variables,
    swap: (next) => swaps.forEach((swap) => swap(next)),
    onReload: (outcome) => onReload.forEach((listener) => listener(outcome)),
  });

  // signals next: they are released last, so that they hear of everything before
  const signals = openSignals(options, active.current);
  const { logger } = signals.logs;
  for (const { file, line, path, message } of active.warnings) {
    logger.warn('a section of another process is faulty', { file, line, path, problem: message });
  }

  const redis = isConfigured(env, 'redis') ? openRedis(env.REDIS_URL ?? '', logger) : undefined;
  if (redis) lifecycle.onRelease('redis', () => redis.disconnect());
  const onUpstream: UpstreamListener[] = [logUpstreams(logger)];
  const gateway = createGateway({
    configuration: active.current,
    recorder: signals.recorder,
    onOpen: signals.onOpen,
    sampleRatio: env.TRACE_SAMPLE_RATIO,
    resources: { redis },
    onUpstream: (event) => onUpstream.forEach((listener) => listener(event)),
  });
  lifecycle.onRelease('upstreams', () => gateway.close());
  const { health, setChecks } = openHealth(options, active.current, redis);
  swaps.push((next) => gateway.swap(next), signals.setLabels, setChecks);
  onUpstream.push(upstreamMetrics(signals.metrics, () => gateway.runtime.upstreams));
  upgradeMetrics(signals.metrics, gateway.upgrades);
  onReload.push(reloadMetrics(signals.metrics), logReload(logger));

  const sources = { health, readiness, environment: env.SENTRY_ENVIRONMENT, version: VERSION };
  const admin = await listen(
    buildAdminApp({ ...sources, ...signals, tokens: env.OPERATIONS_TOKENS, active, gateway }),
    {
      host: env.ADMIN_HOST,
      port: env.ADMIN_PORT,
      portVariable: 'ADMIN_PORT',
    },
  );
  lifecycle.onRelease('admin listener', () => admin.close());
  const listener = await openPublicListener(options, { gateway, sources, logger });
  const watcher = active.watch();
  lifecycle.onRelease('configuration watch', () => watcher.close());

  await signals.flight.started;
  readiness.ready();
  signals.flight.ready();
  logger.info('gateway ready', { port: listener.port, admin_port: admin.port, version: VERSION });
  const reload = (): void => void active.reload('signal').catch(() => undefined);
  const { errors, flight } = signals;
  return { port: listener.port, adminPort: admin.port, gateway, logger, errors, reload, flight };
}
