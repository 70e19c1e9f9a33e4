import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Lifecycle } from '@clearway/kernel';
import { startWorkerProcess, type WorkerProcess } from '../../src/compose.ts';
import type { WorkerConfiguration } from '../../src/config/configuration.ts';
import { readWorkerEnvironment } from '../../src/config/env.ts';
import { quietTelemetry } from './operations.ts';

/** The whole worker in this process, on a free port. */
export interface WorkerUnderTest extends WorkerProcess {
  readonly origin: string;
  readonly logged: readonly string[];
  readonly lifecycle: Lifecycle;
  close(): Promise<void>;
}

export async function startWhole(
  variables: Record<string, string>,
  configuration: Partial<WorkerConfiguration> = {},
): Promise<WorkerUnderTest> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-worker-'));
  const env = readWorkerEnvironment({ WORKER_PORT: '0', DATA_DIRECTORY: folder, ...variables });
  const lifecycle = new Lifecycle();
  const logged: string[] = [];
  const telemetry = quietTelemetry(logged);
  const close = async (): Promise<void> => {
    await lifecycle.release();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const running = await startWorkerProcess({
      env,
      variables,
      configuration: {
        databases: [],
        integrity: [],
        migrations: [],
        backups: [],
        backupStorages: [],
        ...configuration,
      },
      telemetry: { ...telemetry, shutdown: () => telemetry.logs.close(100) },
      lifecycle,
      jobsLookMs: 500,
    });
    return { ...running, origin: `http://127.0.0.1:${running.port}`, logged, lifecycle, close };
  } catch (error) {
    await close();
    throw error;
  }
}
