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

const READY_LIMIT_MS = 60_000;

/**
 * The processes in groups: those of a group start together, a group waits for the one before. The gateway comes last
 * and is stopped first, so that what it stands on is there as long as it serves.
 *
 * @param pretty whether logs are made for people when LOG_FORMAT does not say
 */
export function stackProcesses(settings: Settings, urls: DatabaseUrls, pretty: boolean): StackProcess[][] {
  const { root, ports } = settings;
  const common = {
    ...(pretty && { LOG_FORMAT: 'pretty' }),
    OTEL_EXPORTER: 'local',
    ...settings.variables,
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
    spec: { name, cwd: root, args: [`${workspace}/dist/index.js`], env: { ...common, ...variables } },
  });
  return [
    [
      define('worker', 'backend/worker', [ports.worker], { OTEL_SERVICE_NAME: 'worker' }),
      define('tracks', 'examples/tracks-service', [ports.tracks], {
        OTEL_SERVICE_NAME: 'tracks-service',
        PORT: String(ports.tracks),
        DATABASE_URL: urls.tracks,
      }),
    ],
    [define('gateway', 'backend/api-gateway', [ports.gateway, ports.admin], { OTEL_SERVICE_NAME: 'api-gateway' })],
  ];
}
