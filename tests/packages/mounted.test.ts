import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { startOtlpReceiver, type OtlpReceiver } from '../receivers/index.ts';
import { parseDocument, ROOT } from '../documents/support/documents.ts';
import { installPacked, type InstalledProject } from './support/installed-project.ts';
import { freePort, openServers } from '../end-to-end/support/servers.ts';

const GUIDE = 'docs/guides/express.md';
/** The packages that a user's app imports; what they import themselves comes by their own declarations. */
const IMPORTED = ['gateway', 'telemetry'];

const servers = openServers();
let project: InstalledProject;
let otlp: OtlpReceiver;
let app: ChildProcess;
let output = '';
let origin: string;

beforeAll(async () => {
  project = installPacked({ imported: IMPORTED, others: ['express'] });
  const guide = parseDocument(GUIDE, readFileSync(path.join(ROOT, GUIDE), 'utf8'));
  const example = (language: string): string => guide.blocks.find((block) => block.language === language)?.text ?? '';
  writeFileSync(path.join(project.folder, 'server.mjs'), example('js'));
  otlp = await startOtlpReceiver();
  const upstream = createServer((req, res) => res.end(JSON.stringify({ url: req.url, headers: req.headers })));
  const sockets = new WebSocketServer({ server: upstream });
  sockets.on('connection', (socket) => socket.on('message', (text: Buffer) => socket.send(`echo ${text.toString()}`)));
  servers.onClose(() => sockets.close());
  const target = await servers.listen(upstream);
  writeFileSync(path.join(project.folder, 'clearway.yaml'), example('yaml').replace('http://127.0.0.1:4000', target));
  const port = await freePort();
  app = spawn(process.execPath, ['server.mjs'], {
    cwd: project.folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      PORT: String(port),
      OTEL_SERVICE_NAME: 'front-door',
      OTEL_EXPORTER: 'local',
      OTEL_LOCAL_URL: otlp.url,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      LOG_FORMAT: 'json',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  app.stdout?.on('data', (text: Buffer) => (output += text.toString()));
  app.stderr?.on('data', (text: Buffer) => (output += text.toString()));
  origin = `http://127.0.0.1:${port}`;
  await untilItAnswers();
});
afterAll(async () => {
  app.kill('SIGKILL');
  await once(app, 'close');
  await Promise.all([servers.close(), otlp.close()]);
  project.remove();
});

async function untilItAnswers(): Promise<void> {
  while ((await fetch(`${origin}/metrics`).catch(() => undefined)) === undefined) {
    if (app.exitCode !== null) throw new Error(`the example ended: ${output}`);
    await sleep(50);
  }
}

interface Echo {
  readonly url: string;
  readonly headers: Record<string, string>;
}

describe('the example of the guide, in a project that has the packages as npm packs them', () => {
  test('has ten lines', () => {
    const lines = readFileSync(path.join(project.folder, 'server.mjs'), 'utf8').split('\n');
    expect(lines.filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(10);
  });

  test('forwards a request, and tells of it in one trace, a metric and a log line', async () => {
    const answer = await fetch(`${origin}/v1/tracks/7?page=2`, { method: 'POST', body: 'a body' });
    const { url, headers } = (await answer.json()) as Echo;
    expect(url).toBe('/v1/tracks/7?page=2');
    const traceId = answer.headers.get('trace-id') ?? '';
    expect(headers['traceparent']).toMatch(new RegExp(`^00-${traceId}-`));
    const spansOfIt = () => otlp.spans().filter((span) => span.traceId === traceId);
    await otlp.waitFor(() => (spansOfIt().length === 3 ? true : undefined));
    const find = (kind: string, isRoot: boolean) =>
      spansOfIt().find((span) => span.kind === kind && !span.parentSpanId === isRoot);
    const [root, own, attempt] = [find('server', true), find('server', false), find('client', false)];
    expect(own?.parentSpanId).toBe(root?.spanId);
    expect(attempt?.parentSpanId).toBe(own?.spanId);
    expect(headers['traceparent']).toContain(attempt?.spanId);
    expect(await (await fetch(`${origin}/metrics`)).text()).toMatch(
      /clearway_requests_total\{(?=[^}]*route="tracks")(?=[^}]*method="POST")[^}]*\} 1\n/,
    );
    // the line may come after the spans: it takes another way
    const findLine = () => output.split('\n').find((text) => text.includes(traceId) && text.endsWith('}'));
    while (findLine() === undefined) await sleep(10);
    expect(JSON.parse(findLine() ?? '{}')).toMatchObject({
      message: 'request',
      service: 'front-door',
      route: 'tracks',
    });
  });

  test('answers what no route takes with a problem document', async () => {
    const answer = await fetch(`${origin}/elsewhere`);
    expect([answer.status, answer.headers.get('clearway-reason')]).toEqual([404, 'route_not_found']);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  test('carries WebSockets', async () => {
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/v1/tracks/live`);
    await once(socket, 'open');
    socket.send('hello');
    const [text] = (await once(socket, 'message')) as [Buffer];
    expect(String(text)).toBe('echo hello');
    socket.terminate();
  });
});
