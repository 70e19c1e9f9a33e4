import path from 'node:path';
import { createDatabase, migrateDeploy } from '@clearway/database';
import { HealthRegistry, type Lifecycle } from '@clearway/kernel';
import type { ServiceTelemetry } from '@clearway/telemetry';
import { composeBackups } from './backups/compose-backups.ts';
import type { WorkerConfiguration } from './config/configuration.ts';
import type { Env } from './config/env.ts';
import { VERSION } from './config/version.ts';
import { boundedQueries } from './database/bounded-queries.ts';
import { databaseCheck } from './database/database-check.ts';
import { migrateUntilDone } from './database/migrate-until-done.ts';
import { cronOperations } from './database/monitoring/cron-operations.ts';
import { databaseOperations } from './database/monitoring/database-operations.ts';
import { databaseHealthOperation } from './database/monitoring/health-operation.ts';
import { DatabaseMonitoring } from './database/monitoring/monitoring.ts';
import { querySpans } from './database/monitoring/query-spans.ts';
import { watchedDatabases } from './database/monitoring/watched-databases.ts';
import { deadLetterOperations } from './dead-letters/dead-letter-operations.ts';
import { deadLetterMetrics } from './dead-letters/metrics.ts';
import { composeIntegrity } from './integrity/compose-integrity.ts';
import { jobHealthOperations } from './jobs/health-operations.ts';
import { jobOperations } from './jobs/job-operations.ts';
import { createWorkerJobs } from './jobs/start.ts';
import { watchJobs } from './jobs/watch-jobs.ts';
import { listen } from './listener.ts';
import { buildOperationsApp } from './operations/app.ts';
import { createReadiness, type Readiness } from './operations/readiness.ts';
import { ingestOperations } from './traces/ingest-operations.ts';
import { traceMetrics } from './traces/metrics.ts';
import { createReceiver } from './traces/receiver.ts';
import { TraceStore } from './traces/store/trace-store.ts';
import { jaegerLink, traceOperations } from './traces/trace-operations.ts';

/** What the process is given. */
export interface WorkerProcessOptions {
  readonly env: Env;
  /** All variables of the process: backups pass some on to programs of PostgreSQL. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly configuration: WorkerConfiguration;
  readonly telemetry: ServiceTelemetry;
  readonly lifecycle: Lifecycle;
  /** How often it looks at the jobs, for tests that cannot wait. */
  readonly jobsLookMs?: number;
}

/** The running process. */
export interface WorkerProcess {
  readonly port: number;
  readonly readiness: Readiness;
  readonly health: HealthRegistry;
  readonly store: TraceStore;
  /** Resolves when the database was migrated, or when the process ends before. */
  readonly migrated: Promise<boolean>;
  /**
   * Goes over to another configuration: its databases, what has to hold in them, the data migrations, and the backups.
   *
   * @throws when it cannot be used; the one before stays then
   */
  reconfigure(next: WorkerConfiguration): Promise<void>;
}

/** Time for what is queued to leave at the end. */
const FLUSH_LIMIT_MS = 3000;
/** Its own receiver is closed by then: what is left cannot be delivered. */
const LOCAL_FLUSH_LIMIT_MS = 300;
/** Results that cannot be kept now are kept later: a database that hangs holds up nobody. */
const OWN_ANSWER_LIMIT_MS = 3000;
const MEBIBYTE = 1024 * 1024;

/**
 * The composition root: opens everything that the process needs and registers each release on the line that opened it.
 * Longer than other functions because it is nothing but that list.
 */
export async function startWorkerProcess(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const { env, telemetry, lifecycle } = options;
  const { logger } = telemetry.logs;
  const readiness = createReadiness(['database']);

  // telemetry: released last, so that it hears of everything before
  const isLocal = env.OTEL_EXPORTER === 'local';
  lifecycle.onRelease('telemetry', () => telemetry.shutdown(isLocal ? LOCAL_FLUSH_LIMIT_MS : FLUSH_LIMIT_MS));

  // traces
  const listener = traceMetrics(telemetry.metrics, () => store);
  const store = new TraceStore({
    folder: path.join(env.DATA_DIRECTORY, 'traces'),
    limitBytes: env.TRACE_STORE_MEGABYTES * MEBIBYTE,
    onProblem: (message) => logger.warn(message),
  });
  lifecycle.onRelease('trace store', () => store.close());

  // the database: opened now, connected when it answers
  const database = createDatabase({
    connectionString: env.DATABASE_URL,
    applicationName: 'clearway-worker',
    onConnectionError: (error) => logger.debug('a database connection broke', { error }),
  });
  lifecycle.onRelease('database', () => database.close());
  const health = new HealthRegistry();
  const check = databaseCheck(database, env.DATABASE_URL, () => health.recheck('database'));
  health.add(check);
  lifecycle.onRelease('database check', () => check.close());

  // the watched databases, Clearway's own among them
  const own = boundedQueries(database.pool, OWN_ANSWER_LIMIT_MS);
  const databases = watchedDatabases(options.configuration.databases, env);
  const monitoring = new DatabaseMonitoring({
    databases,
    own,
    spans: querySpans(store),
    metrics: telemetry.metrics,
    log: logger,
  });
  lifecycle.onRelease('database monitoring', () => monitoring.close());

  // what has to hold in them, and the data migrations under way
  const integrity = composeIntegrity({
    configuration: options.configuration,
    databases,
    own,
    audit: database.pool,
    turn: (id, work) => monitoring.watches.get(id)?.lend(work) ?? work(new AbortController().signal),
    lease: monitoring.lease,
    gateways: {
      urls: env.GATEWAY_ADMIN_URLS ?? [`http://127.0.0.1:${env.ADMIN_PORT}`],
      token: env.OPERATIONS_TOKENS[0]?.token,
    },
    telemetry,
    lifecycle,
  });

  // backups of databases, which need not be Clearway's own
  const backups = composeBackups({
    configuration: options.configuration,
    variables: { ...options.variables, DATABASE_URL: env.DATABASE_URL, DATA_DIRECTORY: env.DATA_DIRECTORY },
    telemetry,
    lifecycle,
  });

  // jobs: start when the database has its tables
  const drainLimitMs = env.SHUTDOWN_LIMIT_SECONDS * 1000;
  const jobs = createWorkerJobs({
    connectionString: env.DATABASE_URL,
    telemetry,
    lifecycle,
    drainLimitMs,
    backups: backups.work,
  });
  const jobsWatch = watchJobs({ port: jobs, telemetry, lifecycle, everyMs: options.jobsLookMs });
  deadLetterMetrics(telemetry.metrics, jobs);

  // the listener; its release is the drain
  const link = jaegerLink(env.JAEGER_UI_URL);
  const about = { environment: env.SENTRY_ENVIRONMENT, version: VERSION };
  const app = buildOperationsApp({
    tokens: { operations: env.OPERATIONS_TOKENS, reports: env.JOB_REPORT_TOKENS, scheduler: env.CRON_SECRET },
    telemetry,
    health,
    readiness,
    ...about,
    operations: [
      ...ingestOperations(createReceiver(store, listener)),
      ...traceOperations(store, link),
      ...jobOperations(jobs, link),
      ...jobHealthOperations(jobs, jobsWatch),
      ...deadLetterOperations(jobs, link),
      ...databaseOperations(monitoring),
      ...integrity.operations,
      ...cronOperations(monitoring),
      ...backups.operations(jobs),
      databaseHealthOperation(monitoring, { health, ...about }),
    ],
  });
  const server = await listen(app, { host: env.WORKER_HOST, port: env.WORKER_PORT, portVariable: 'WORKER_PORT' });
  lifecycle.onRelease('listener', () => server.drain(drainLimitMs), drainLimitMs + 1000);
  lifecycle.onRelease('own spans', () => telemetry.tracing.forceFlush(), LOCAL_FLUSH_LIMIT_MS * 3);
  lifecycle.onRelease('readiness', () => readiness.drain());
  readiness.started();
  logger.info('worker listens', { port: server.port, version: VERSION });

  monitoring.start();
  integrity.start();
  backups.start();
  const migrated = migrateInBackground(options, readiness);
  jobs.startAfter(migrated);
  let current = options.configuration;
  return {
    port: server.port,
    readiness,
    health,
    store,
    migrated,
    async reconfigure(next) {
      const useBackups = sameBackups(current, next) ? undefined : backups.prepare(next);
      const isSame = (id: string): boolean => settingsText(id, current) === settingsText(id, next);
      const to = watchedDatabases(next.databases, env);
      // in this order, so that a database never has more than two connections
      await integrity.replace({ configuration: next, databases: to }, () => monitoring.replace(to, isSame));
      current = next;
      if (!useBackups) return;
      useBackups();
      jobs.reschedule();
    },
  };
}

function sameBackups(before: WorkerConfiguration, after: WorkerConfiguration): boolean {
  const sections = ['databases', 'backups', 'backupStorages'] as const;
  return sections.every((section) => JSON.stringify(before[section]) === JSON.stringify(after[section]));
}

function settingsText(id: string, { databases }: WorkerConfiguration): string | undefined {
  return JSON.stringify(databases.find((database) => database.id === id));
}

function migrateInBackground({ env, telemetry, lifecycle }: WorkerProcessOptions, readiness: Readiness) {
  const { logger: log } = telemetry.logs;
  const abort = new AbortController();
  const migrate = () => migrateDeploy({ connectionString: env.DATABASE_URL, log: (message) => log.info(message) });
  const done = migrateUntilDone(migrate, { log, signal: abort.signal }).then((isDone) => {
    if (isDone) readiness.have('database');
    return isDone;
  });
  lifecycle.onRelease('migration', () => abort.abort());
  return done;
}
