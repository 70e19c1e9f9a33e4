import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readOpenMetrics, type Sample } from '../../end-to-end/support/open-metrics.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');

/** A real gateway process whose output and environment the proof has in its hands. */
export interface GatewayProcess {
  readonly origin: string;
  readonly admin: string;
  readonly pid: number;
  /** Reads no more of what it logs, or reads on. */
  stallOutput(isStalled: boolean): void;
  /** Lines of its output since the start. */
  readonly lines: () => number;
  scrape(): Promise<readonly Sample[]>;
  signal(name: NodeJS.Signals): void;
  /** Has it go over to another configuration, and resolves when that is in force. */
  reload(configuration: object): Promise<void>;
  stop(): Promise<number | null>;
}

/**
 * Starts the built gateway on free ports.
 *
 * @param configuration the content of its clearway.yaml
 */
export async function startGatewayProcess(
  configuration: object,
  variables: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-proof-'));
  const file = path.join(folder, 'clearway.yaml');
  writeFileSync(file, JSON.stringify({ version: 1, ...configuration }));
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
  const own = { GATEWAY_PORT: '0', ADMIN_PORT: '0', CLEARWAY_CONFIG: file, DATA_DIRECTORY: folder, LOG_FORMAT: 'json' };
  const child = spawn(process.execPath, [path.join(ROOT, 'backend/api-gateway/dist/index.js')], {
    cwd: ROOT,
    env: { PATH, HOME, NODE_COMPILE_CACHE, ...own, ...variables },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  let lines = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 0x0a) lines++;
  });
  const ready = await readyLine(child.stdout, ended);
  const admin = `http://127.0.0.1:${ready.admin_port}`;
  return {
    origin: `http://127.0.0.1:${ready.port}`,
    admin,
    pid: child.pid ?? 0,
    lines: () => lines,
    stallOutput: (isStalled) => void (isStalled ? child.stdout.pause() : child.stdout.resume()),
    scrape: async () => readOpenMetrics(await (await fetch(`${admin}/metrics`)).text()),
    signal: (name) => void child.kill(name),
    async reload(next) {
      writeFileSync(file, JSON.stringify({ version: 1, ...next }));
      const answer = await fetch(`${admin}/api/gateway/reload`, { method: 'POST' });
      if (!answer.ok) throw new Error(`the reload was refused: ${await answer.text()}`);
    },
    async stop() {
      child.stdout.resume();
      child.kill('SIGTERM');
      const code = await ended;
      rmSync(folder, { recursive: true, force: true });
      return code;
    },
  };
}

interface ReadyLine {
  readonly message: string;
  readonly port: number;
  readonly admin_port: number;
}

async function readyLine(output: NodeJS.ReadableStream, ended: Promise<number | null>): Promise<ReadyLine> {
  let text = '';
  return new Promise((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      text += chunk.toString();
      const found = text.split('\n').find((line) => line.includes('"gateway ready"') && line.endsWith('}'));
      if (found === undefined) return;
      output.off('data', look);
      resolve(JSON.parse(found) as ReadyLine);
    };
    output.on('data', look);
    void ended.then((code) => reject(new Error(`the gateway ended with ${code}: ${text}`)));
  });
}

/** The sum over the samples of a metric with these labels. */
export function sumOf(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  const isMeant = (sample: Sample): boolean =>
    sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value);
  return samples.filter(isMeant).reduce((sum, { value }) => sum + value, 0);
}
