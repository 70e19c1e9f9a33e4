import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { startOtlpReceiver, type OtlpReceiver } from '../receivers/index.ts';
import { keepAliveLoad } from './support/keep-alive-load.ts';
import { startProcess, type RunningProcess } from './support/processes.ts';
import { openServers } from './support/servers.ts';

/** Longer than the balancer takes to notice, on a busy machine too. */
const DELAY_MS = 1000;
const servers = openServers();
let folder: string;
let otlp: OtlpReceiver;
let gateway: RunningProcess;
let port: number;

/** An upstream that takes its time, answers in pieces, and speaks WebSocket. */
function startUpstream(): Promise<string> {
  const server = http.createServer((req, res) => {
    req.resume();
    const isSlow = req.url === '/slow';
    if (isSlow) res.write('begun ');
    req.on('end', () => setTimeout(() => res.end('done'), isSlow ? DELAY_MS + 500 : Math.random() * 15));
  });
  const sockets = new WebSocketServer({ server });
  servers.onClose(() => sockets.close());
  return servers.listen(server);
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'clearway-drain-'));
  otlp = await startOtlpReceiver();
  const upstream = await startUpstream();
  const file = path.join(folder, 'clearway.yaml');
  writeFileSync(
    file,
    `version: 1
server: { drain: { delayMs: ${DELAY_MS}, limitMs: 5000 } }
upstreams: { main: { targets: [{ url: '${upstream}' }] } }
routes: [{ id: everything, match: { path: /* }, upstream: main }]`,
  );
  gateway = startProcess('backend/api-gateway/dist/index.js', {
    OTEL_EXPORTER: 'local',
    OTEL_LOCAL_URL: otlp.url,
    GATEWAY_PORT: '0',
    ADMIN_PORT: '0',
    CLEARWAY_CONFIG: file,
  });
  port = Number((await gateway.waitForLine((line) => line['message'] === 'gateway ready'))['port']);
});
afterAll(async () => {
  await gateway.stop('SIGKILL');
  await Promise.all([servers.close(), otlp.close()]);
  rmSync(folder, { recursive: true, force: true });
});

/** What a balancer does: it asks for readiness again and again, and sends new connections elsewhere without it. */
function balancer(): { isReady: () => boolean; stop: () => void } {
  let isReady = true;
  const timer = setInterval(() => {
    fetch(`http://127.0.0.1:${port}/readyz`, { headers: { connection: 'close' } }).then(
      (answer) => (isReady = answer.status === 200),
      () => (isReady = false),
    );
  }, 20);
  return { isReady: () => isReady, stop: () => clearInterval(timer) };
}

async function bodyOf(req: http.ClientRequest): Promise<string> {
  const [answer] = (await once(req, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return text;
}

describe('SIGTERM', () => {
  test('loses no request: of a load, a slow answer, an upload, and a WebSocket', async () => {
    const { isReady, stop } = balancer();
    const load = keepAliveLoad(port, { connections: 24, thinkMs: 30, mayConnect: isReady });
    const slow = bodyOf(http.get({ port, path: '/slow' }));
    const upload = http.request({ port, path: '/upload', method: 'PUT' });
    upload.write('first half');
    const uploaded = bodyOf(upload);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`);
    await once(socket, 'open');
    const socketClosed = once(socket, 'close') as Promise<[number]>;
    while (load.sent() < 200) await sleep(5);

    const sentBefore = load.sent();
    const ended = gateway.stop('SIGTERM');
    setTimeout(() => upload.end('second half'), DELAY_MS + 200);
    const outcome = await load.ended;
    stop();
    expect(outcome).toMatchObject({ lost: [], answered: outcome.sent });
    expect(outcome.sent).toBeGreaterThan(sentBefore);
    expect(await slow).toBe('begun done');
    expect(await uploaded).toBe('done');
    expect((await socketClosed)[0]).toBe(1001);
    expect(await ended).toBe(0);

    // what was served was told of: the load, the slow one, the upload and the WebSocket
    const served = outcome.sent + 3;
    expect(otlp.spans().filter(({ kind }) => kind === 'server')).toHaveLength(served);
    expect(gateway.lines.filter(({ message }) => message === 'request')).toHaveLength(served);
    expect(gateway.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });
});
