import path from 'node:path';
import type { Settings } from './settings.ts';
import type { ChildSpec } from './supervisor.ts';

/** A process of the stack: how it is started and when it counts as ready. */
export interface StackProcess {
  readonly spec: ChildSpec;
  /** The workspace that holds it. */
  readonly workspace: string;
  readonly readyUrls: readonly string[];
  readonly limitMs: number;
}

/** Connection strings of the two databases. */
export interface DatabaseUrls {
  readonly clearway: string;
  readonly tracks: string;
}

// long enough for a machine that is busy with something else
const READY_LIMIT_MS = 120_000;

/**
 * The processes in groups: those of a group start together, a group waits for the one before. The gateway comes last
 * and is stopped first, so that what it stands on is there as long as it serves.
 *
 * @param pretty whether logs are made for people when LOG_FORMAT does not say
 */
export function stackProcesses(settings: Settings, urls: DatabaseUrls, pretty: boolean): StackProcess[][] {
  const { root, ports } = settings;
  const { LOG_FORMAT = 'auto' } = settings.variables;
  const common = {
    OTEL_EXPORTER: 'local',
    OTEL_LOCAL_URL: `http://127.0.0.1:${ports.worker}`,
    TRACKS_URL: `http://127.0.0.1:${ports.tracks}`,
    ...settings.variables,
    // the processes write to pipes, so that they cannot tell by themselves
    LOG_FORMAT: LOG_FORMAT === 'auto' && pretty ? 'pretty' : LOG_FORMAT,
    DATA_DIRECTORY: settings.dataDirectory,
    GATEWAY_PORT: String(ports.gateway),
    ADMIN_PORT: String(ports.admin),
    WORKER_PORT: String(ports.worker),
    TRACKS_PORT: String(ports.tracks),
    DATABASE_URL: urls.clearway,
    TRACKS_DATABASE_URL: urls.tracks,
  };
  const define = (
    name: string,
    workspace: string,
    readyPorts: readonly number[],
    variables: Readonly<Record<string, string>>,
  ): StackProcess => ({
    workspace,
    readyUrls: readyPorts.map((port) => `http://127.0.0.1:${port}/readyz`),
    limitMs: READY_LIMIT_MS,
    spec: {
      name,
      cwd: root,
      args: [...nodeFlags(workspace), `${workspace}/dist/index.js`],
      env: { ...common, ...variables },
    },
  });
  return [
    [
      define('worker', 'backend/worker', [ports.worker], { OTEL_SERVICE_NAME: 'worker' }),
      define('tracks', 'examples/tracks-service', [ports.tracks], {
        OTEL_SERVICE_NAME: 'tracks-service',
        HOST: '127.0.0.1', // some shells export a HOST of their own
        PORT: String(ports.tracks),
        UPLOAD_DIRECTORY: settings.variables['UPLOAD_DIRECTORY'] ?? path.join(settings.dataDirectory, 'uploads'),
        DATABASE_URL: urls.tracks,
        JOBS_DATABASE_URL: urls.clearway,
      }),
    ],
    [define('gateway', 'backend/api-gateway', [ports.gateway, ports.admin], { OTEL_SERVICE_NAME: 'api-gateway' })],
  ];
}

/**
 * The gateway's garbage is young: with room for it between two scavenges a request costs a tenth less CPU time
 * (record 18). The other processes have no such traffic.
 */
function nodeFlags(workspace: string): string[] {
  return workspace === 'backend/api-gateway' ? ['--max-semi-space-size=64'] : [];
}
