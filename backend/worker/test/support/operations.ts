import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import type { Express } from 'express';
import { HealthRegistry, readEnvironment, type OperationsToken } from '@clearway/kernel';
import {
  createLogger,
  createMetrics,
  startServiceTelemetry,
  telemetryEnvironment,
  type ServiceTelemetry,
} from '@clearway/telemetry';
import { listen, type Listener } from '../../src/listener.ts';
import type { ReportToken } from '../../src/operations/access.ts';
import { allOperations, buildOperationsApp, type OperationsDependencies } from '../../src/operations/app.ts';
import type { Operation } from '../../src/operations/operation.ts';
import { createReadiness } from '../../src/operations/readiness.ts';
import { ingestOperations } from '../../src/traces/ingest-operations.ts';
import { traceMetrics } from '../../src/traces/metrics.ts';
import { createReceiver } from '../../src/traces/receiver.ts';
import { TraceStore, type TraceStoreOptions } from '../../src/traces/store/trace-store.ts';
import { jaegerLink, traceOperations } from '../../src/traces/trace-operations.ts';

/** The operations API with its store, on a free port; without a database. */
export interface ApiUnderTest {
  readonly origin: string;
  readonly listener: Listener;
  readonly store: TraceStore;
  readonly telemetry: ServiceTelemetry;
  readonly readiness: OperationsDependencies['readiness'];
  readonly operations: readonly Operation[];
  readonly app: Express;
  /** Lines of the log. */
  readonly logged: readonly string[];
  /** Whether the only check finds its service up. */
  isUp: boolean;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

export interface ApiOptions {
  readonly tokens?: readonly OperationsToken[];
  readonly reports?: readonly ReportToken[];
  readonly host?: string;
  readonly jaegerUiUrl?: string;
  readonly store?: Partial<TraceStoreOptions>;
  readonly more?: readonly Operation[];
}

let signals: ServiceTelemetry | undefined;

/** Signals that leave the process nowhere, with metrics of their own; what is logged goes to `lines`. */
export function quietTelemetry(lines: string[] = []): ServiceTelemetry {
  const variables = { OTEL_ENABLED: 'false', LOG_LEVEL: 'error', LOG_FORMAT: 'json' };
  signals ??= startServiceTelemetry(readEnvironment(telemetryEnvironment, { variables }), {
    serviceName: 'worker',
    serviceVersion: '0',
    instrumentations: 'none',
  });
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(...chunk.toString().trim().split('\n'));
      done();
    },
  });
  const logs = createLogger({ service: 'worker', pretty: false, stream });
  return { ...signals, logs, metrics: createMetrics({ service: 'worker', version: '0', nodeMetrics: false }) };
}

export async function startApi(options: ApiOptions = {}): Promise<ApiUnderTest> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-api-'));
  const logged: string[] = [];
  const telemetry = quietTelemetry(logged);
  const problems: string[] = [];
  const store = new TraceStore({
    folder,
    limitBytes: 4 * 1024 * 1024,
    onProblem: (message) => problems.push(message),
    ...options.store,
  });
  const state = { isUp: true };
  const health = new HealthRegistry({ cacheMs: 0 });
  health.add({
    id: 'database',
    required: true,
    timeoutMs: 1000,
    target: '127.0.0.1:5432',
    probe: () => (state.isUp ? Promise.resolve() : Promise.reject(new Error('secret host is down'))),
  });
  const readiness = createReadiness(['database']);
  readiness.started();
  const deps: OperationsDependencies = {
    tokens: { operations: options.tokens ?? [], reports: options.reports ?? [] },
    telemetry,
    health,
    readiness,
    environment: 'test',
    version: '1.2.3',
    operations: [
      ...ingestOperations(
        createReceiver(
          store,
          traceMetrics(telemetry.metrics, () => store),
        ),
      ),
      ...traceOperations(store, jaegerLink(options.jaegerUiUrl)),
      ...(options.more ?? []),
    ],
  };
  const app = buildOperationsApp(deps);
  const listener = await listen(app, { host: options.host ?? '127.0.0.1', port: 0, portVariable: 'WORKER_PORT' });
  const origin = `http://127.0.0.1:${listener.port}`;
  return {
    origin,
    listener,
    store,
    telemetry,
    readiness,
    operations: allOperations(deps),
    app,
    logged,
    get isUp() {
      return state.isUp;
    },
    set isUp(value) {
      state.isUp = value;
    },
    get: (where, headers = {}) => fetch(origin + where, { headers }),
    async close() {
      await listener.drain(100);
      store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
