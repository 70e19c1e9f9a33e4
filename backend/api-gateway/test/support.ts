import { Lifecycle } from '@clearway/kernel';
import { startTracing } from '@clearway/telemetry';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startGatewayProcess, type GatewayProcess } from '../src/compose.ts';
import { readGatewayEnvironment } from '../src/config/env.ts';

/** The whole gateway in this process, on free ports. */
export interface GatewayUnderTest extends GatewayProcess {
  readonly origin: string;
  readonly admin: string;
  readonly file: string;
  readonly lifecycle: Lifecycle;
  close(): Promise<void>;
}

/** Starts the gateway's composition with a configuration file of its own. */
export async function startWhole(yaml: string, variables: Record<string, string> = {}): Promise<GatewayUnderTest> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-gateway-'));
  const file = path.join(folder, 'clearway.yaml');
  writeFileSync(file, yaml);
  const all = {
    GATEWAY_PORT: '0',
    ADMIN_PORT: '0',
    CLEARWAY_CONFIG: file,
    OTEL_ENABLED: 'false',
    FLIGHT_RECORDER: 'false',
    DATA_DIRECTORY: folder,
    LOG_LEVEL: 'error',
    LOG_FORMAT: 'json',
    ...variables,
  };
  const lifecycle = new Lifecycle();
  const tracing = startTracing({
    enabled: false,
    serviceName: 'test',
    serviceVersion: '0',
    environment: 'test',
    exporter: 'local',
    instrumentations: 'none',
  });
  const close = async (): Promise<void> => {
    await lifecycle.release();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const env = readGatewayEnvironment(all);
    const running = await startGatewayProcess({ env, tracing, variables: all, lifecycle });
    const at = (port: number) => `http://127.0.0.1:${port}`;
    return { ...running, origin: at(running.port), admin: at(running.adminPort), file, lifecycle, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A configuration with one catch-all route. */
export function oneRoute(target: string, more = ''): string {
  return `version: 1
upstreams:
  main: { targets: [{ url: '${target}' }] }
routes:
  - { id: all, match: { path: /* }, upstream: main }
${more}`;
}
