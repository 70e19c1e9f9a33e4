import { withTestDatabase } from '@clearway/database/testing';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  startOtlpReceiver,
  startSentryReceiver,
  type OtlpReceiver,
  type SentryReceiver,
} from '../../receivers/index.ts';
import { startProcess, type RunningProcess } from './processes.ts';
import { closedOrigin } from './servers.ts';

const MIGRATIONS = path.resolve(import.meta.dirname, '../../../examples/tracks-service/prisma/migrations');

/** The real gateway in front of the real example, with receivers for everything that they tell. */
export interface Stack {
  readonly gateway: string;
  readonly admin: string;
  readonly otlp: OtlpReceiver;
  readonly sentry: SentryReceiver;
  readonly gatewayProcess: RunningProcess;
  readonly serviceProcess: RunningProcess;
  /** A track that exists. */
  readonly trackId: string;
  stop(): Promise<void>;
}

/** Starts it on free ports, with a database of its own. */
export async function startStack(): Promise<Stack> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-end-to-end-'));
  const database = await withTestDatabase({ migrations: MIGRATIONS });
  const otlp = await startOtlpReceiver();
  const sentry = await startSentryReceiver();
  const telemetry = {
    OTEL_EXPORTER: 'local',
    OTEL_LOCAL_URL: otlp.url,
    SENTRY_DSN: sentry.dsn,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  };

  const serviceProcess = startProcess('examples/tracks-service/dist/index.js', {
    ...telemetry,
    OTEL_SERVICE_NAME: 'tracks-service',
    PORT: '0',
    DATABASE_URL: database.connectionString,
    UPLOAD_DIRECTORY: path.join(folder, 'uploads'),
  });
  const service = await readyOrigin(serviceProcess);
  const file = path.join(folder, 'clearway.yaml');
  writeFileSync(file, configuration(service, await closedOrigin()));
  const gatewayProcess = startProcess('backend/api-gateway/dist/index.js', {
    ...telemetry,
    OTEL_SERVICE_NAME: 'api-gateway',
    GATEWAY_PORT: '0',
    ADMIN_PORT: '0',
    CLEARWAY_CONFIG: file,
  });
  const ready = await gatewayProcess.waitForLine((line) => line['message'] === 'gateway ready');
  const gateway = `http://127.0.0.1:${Number(ready['port'])}`;
  return {
    gateway,
    admin: `http://127.0.0.1:${Number(ready['admin_port'])}`,
    otlp,
    sentry,
    gatewayProcess,
    serviceProcess,
    trackId: await createTrack(service),
    async stop() {
      await Promise.all([gatewayProcess.stop(), serviceProcess.stop()]);
      await Promise.all([otlp.close(), sentry.close(), database.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function readyOrigin(service: RunningProcess): Promise<string> {
  const ready = await service.waitForLine((line) => typeof line['port'] === 'number');
  return `http://127.0.0.1:${Number(ready['port'])}`;
}

function configuration(service: string, closed: string): string {
  return `version: 1
upstreams:
  tracks: { targets: [{ url: '${service}' }] }
  broken: { targets: [{ url: '${closed}' }] }
routes:
  - { id: tracks, match: { path: /v1/tracks/* }, upstream: tracks }
  - { id: report, match: { path: '/v1/tracks/:id/report' }, upstream: tracks }
  - { id: broken, match: { path: /broken, methods: [GET] }, upstream: broken }
`;
}

async function createTrack(service: string): Promise<string> {
  const answer = await fetch(`${service}/v1/tracks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ title: 'One', artist: 'Two' }),
  });
  const { id } = (await answer.json()) as { id: string };
  return id;
}
