import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../../end-to-end/support/servers.ts';
import { ROOT } from './documents.ts';

/** The ports that the documents name, and the variables that move them. */
const PORTS = { GATEWAY_PORT: 8000, ADMIN_PORT: 8001, WORKER_PORT: 8002, TRACKS_PORT: 4000, DATABASE_PORT: 54_329 };
type PortVariable = keyof typeof PORTS;

/** What `npm start` starts, apart from everything else on the machine. */
export interface DocumentedStack {
  /** Stands for the clone: the commands of the documents run in it and may change its `clearway.yaml`. */
  readonly folder: string;
  readonly variables: Readonly<Record<string, string>>;
  /** A text of the documents with the ports that they name replaced by the real ones. */
  withPorts(text: string): string;
  /** Puts `clearway.yaml` back to what is shipped. */
  restoreConfiguration(): void;
  stop(): Promise<void>;
}

/** Why the commands cannot run here; undefined when they can. */
export function missingTools(): string | undefined {
  const missing = ['bash', 'curl', 'sed', 'grep'].filter((tool) => spawnSync(tool, ['--version']).status !== 0);
  return missing.length === 0 ? undefined : `no ${missing.join(', ')} on this machine`;
}

/** Starts it on free ports, with data of its own, and waits until it is ready. */
export async function startDocumentedStack(): Promise<DocumentedStack> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-documents-'));
  const ports = await freePorts();
  const configuration = path.join(folder, 'clearway.yaml');
  const restoreConfiguration = (): void => copyFileSync(path.join(ROOT, 'clearway.yaml'), configuration);
  restoreConfiguration();
  for (const name of ['node_modules', 'package.json', 'scripts', 'examples'])
    symlinkSync(path.join(ROOT, name), path.join(folder, name));
  const variables = variablesFor(folder, configuration, ports);
  const stop = await startAll(variables);
  return {
    folder,
    variables,
    withPorts: (text) =>
      Object.entries(PORTS).reduce(
        (moved, [name, port]) => moved.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${ports[name as PortVariable]}`),
        text,
      ),
    restoreConfiguration,
    stop: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function variablesFor(folder: string, configuration: string, ports: Record<PortVariable, number>) {
  const { PATH = '', HOME = '', NODE_V8_COVERAGE, NODE_COMPILE_CACHE, TMPDIR } = process.env;
  return {
    PATH,
    HOME,
    ...(TMPDIR !== undefined && { TMPDIR }),
    ...(NODE_V8_COVERAGE !== undefined && { NODE_V8_COVERAGE }),
    ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }),
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
    OTEL_LOCAL_URL: `http://127.0.0.1:${ports.WORKER_PORT}`,
    TRACKS_URL: `http://127.0.0.1:${ports.TRACKS_PORT}`,
    DATA_DIRECTORY: path.join(folder, 'data'),
    CLEARWAY_CONFIG: configuration,
    LOG_FORMAT: 'json',
    NO_COLOR: '1',
  };
}

/** Resolves when the start says that all is ready; to the way to stop it. */
async function startAll(variables: Readonly<Record<string, string>>): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, [path.join(ROOT, 'scripts/start.mjs')], { cwd: ROOT, env: { ...variables } });
  let output = '';
  const ended = once(child, 'close').then(() => undefined);
  const ready = new Promise<void>((resolve) => {
    const keep = (chunk: Buffer): void => {
      output = `${output}${chunk.toString()}`.slice(-20_000);
      if (output.includes('Clearway is running')) resolve();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
  });
  const failed = ended.then(() => {
    throw new Error(`the stack did not start:\n${output}`);
  });
  failed.catch(() => undefined);
  await Promise.race([ready, failed]);
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}

/** Free ports, all different. */
async function freePorts(): Promise<Record<PortVariable, number>> {
  const names = Object.keys(PORTS) as PortVariable[];
  const ports = new Set<number>();
  while (ports.size < names.length) ports.add(await freePort());
  return Object.fromEntries(names.map((name, i) => [name, [...ports][i]])) as Record<PortVariable, number>;
}
