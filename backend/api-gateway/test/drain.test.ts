import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { oneRoute, startWhole, type GatewayUnderTest } from './support.ts';

const releases: (() => unknown)[] = [];
afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

/** Answers of the upstream that wait for the test, by path. */
let waiting: Map<string, ServerResponse>;
let origin: string;
beforeEach(async () => {
  waiting = new Map();
  const server = createServer((req, res) => {
    if (req.url?.startsWith('/at-once')) return void res.end('at once');
    if (req.url === '/half') res.write('half');
    waiting.set(req.url ?? '', res);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  releases.push(() => {
    server.closeAllConnections();
    server.close();
  });
});

async function start(drain: string, variables?: Record<string, string>): Promise<GatewayUnderTest> {
  const gateway = await startWhole(oneRoute(origin, `server: { drain: ${drain} }`), variables);
  releases.push(() => gateway.close());
  return gateway;
}

/** A connection of a client that speaks HTTP by hand. */
class Client {
  received = '';
  isOver = false;
  readonly #socket: Socket;

  constructor({ port }: GatewayUnderTest) {
    this.#socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
    this.#socket.on('data', (text) => (this.received += String(text)));
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => (this.isOver = true));
    releases.push(() => this.#socket.destroy());
  }

  ask(path: string): void {
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await sleep(5);
  }
}

async function isRefused({ port }: GatewayUnderTest): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  const outcome = await once(socket, 'connect').then(
    () => false,
    () => true,
  );
  socket.destroy();
  return outcome;
}

describe('a drain', () => {
  test('is not ready at once, takes connections until the delay is over, and has every answer be the last', async () => {
    const gateway = await start('{ delayMs: 2000 }');
    const underWay = new Client(gateway);
    underWay.ask('/slow');
    await underWay.until(() => waiting.has('/slow'));
    const idle = new Client(gateway);
    idle.ask('/at-once/first');
    await idle.until(() => idle.received.endsWith('at once'));
    expect(idle.received).toMatch(/^HTTP\/1\.1 200 .*\r\nConnection: keep-alive\r\n/s);

    const released = gateway.lifecycle.release();
    expect((await fetch(`${gateway.origin}/readyz`)).status).toBe(503);
    idle.received = '';
    idle.ask('/at-once/second');
    await idle.until(() => idle.isOver);
    expect(idle.received).toMatch(/^HTTP\/1\.1 200 .*\r\nConnection: close\r\n.*at once$/s);
    expect(await isRefused(gateway)).toBe(false);
    waiting.get('/slow')?.end('done');
    await underWay.until(() => underWay.isOver);
    expect(underWay.received).toMatch(/\r\nConnection: close\r\n.*done$/s);
    await released;
    expect(await isRefused(gateway)).toBe(true);
  });

  test('waits for what is open, and leaves a connection that is used often its next request', async () => {
    const gateway = await start('{ delayMs: 0 }');
    const busy = new Client(gateway);
    busy.ask('/at-once');
    await busy.until(() => busy.received.endsWith('at once'));
    const quiet = new Client(gateway);
    quiet.ask('/at-once');
    await quiet.until(() => quiet.received.endsWith('at once'));
    const slow = new Client(gateway);
    slow.ask('/slow');
    await slow.until(() => waiting.has('/slow'));

    const released = gateway.lifecycle.release();
    while (!(await isRefused(gateway))) await sleep(5);
    busy.received = '';
    busy.ask('/at-once');
    await busy.until(() => busy.isOver);
    expect(busy.received).toMatch(/at once$/);
    await quiet.until(() => quiet.isOver);
    expect(slow.isOver).toBe(false);
    waiting.get('/slow')?.end('done');
    await slow.until(() => slow.isOver);
    expect(slow.received).toMatch(/done$/);
    await released;
  });

  test('gives up at the limit: 503 where nothing was answered, a reset where an answer was on its way', async () => {
    const gateway = await start('{ limitMs: 86400000 }', { DRAIN_LIMIT_MS: '300' });
    const silent = new Client(gateway);
    silent.ask('/silent');
    const half = new Client(gateway);
    half.ask('/half');
    await half.until(() => half.received.endsWith('half\r\n'));
    await silent.until(() => waiting.has('/silent'));
    const isUpstreamClosed = once(waiting.get('/silent')?.socket as Socket, 'close');
    await gateway.lifecycle.release();
    await half.until(() => half.isOver && silent.isOver);
    expect(silent.received).toMatch(/^HTTP\/1\.1 503 .*Clearway-Reason: overloaded.*The gateway is shutting down\./s);
    expect(silent.received).toMatch(/\r\nretry-after: 1\r\n/i);
    expect(half.received).not.toMatch(/\r\n0\r\n\r\n$/);
    await isUpstreamClosed;
  });
});
