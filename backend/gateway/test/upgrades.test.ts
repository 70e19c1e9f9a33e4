import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import http from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import {
  configurationOf,
  listening,
  simple,
  startGateway,
  startUpstream,
  type GatewayUnderTest,
} from './support/gateway-under-test.ts';
import { open } from './support/open.ts';
import { answersOf, connect, rawConnection, type RawConnection } from './support/raw-client.ts';

const NODE_MAJOR = Number(process.versions.node.split('.')[0]);

/** An upstream whose WebSockets answer what they are sent. */
async function startEcho(onSocket: (socket: WebSocket) => void = () => undefined) {
  const upstream = await open(startUpstream((_req, res) => res.writeHead(426).end('upgrade, please')));
  const server = new WebSocketServer({ server: upstream });
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    onSocket(socket);
  });
  return Object.assign(upstream, { sockets: server });
}

async function openWebSocket(gateway: GatewayUnderTest, path = '/chat'): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`);
  await once(socket, 'open');
  return socket;
}

const closed = async (socket: WebSocket): Promise<number> => (await once(socket, 'close'))[0] as number;

/** An upstream that agrees to any protocol and gives its connection to the test. */
async function startRaw(protocol?: string) {
  const server = http.createServer();
  let taken: (connection: RawConnection) => void;
  const connection = new Promise<RawConnection>((resolve) => (taken = resolve));
  server.on('upgrade', (req: http.IncomingMessage, socket: Socket, head: Buffer) => {
    const agreed = protocol ?? String(req.headers.upgrade);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${agreed}\r\nX-Seen: yes\r\n\r\n`,
    );
    const raw = rawConnection(socket);
    if (head.length > 0) socket.unshift(head);
    taken(raw);
  });
  const upstream = await open(listening(server));
  return Object.assign(upstream, { connection });
}

const ask = (protocol: string, more = ''): string =>
  `GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${more}\r\n`;

describe('a WebSocket (RFC 9110 §7.8, RFC 6455)', () => {
  test('carries text and bytes both ways, and leaves one record of its whole life', async () => {
    const upstream = await startEcho();
    const gateway = await open(startGateway(simple([upstream.origin])));
    const socket = await openWebSocket(gateway, '/chat?room=1');
    expect(gateway.records).toEqual([]);
    expect(gateway.gateway.upgrades.size).toBe(1);
    for (const message of ['hello', 'x'.repeat(70_000), Buffer.from([0, 255])]) {
      socket.send(message);
      const [data] = (await once(socket, 'message')) as [Buffer];
      expect(data.equals(Buffer.from(message))).toBe(true);
    }
    socket.close(1000);
    expect(await closed(socket)).toBe(1000);
    const record = await gateway.nextRecord();
    expect(record).toMatchObject({ kind: 'upgrade', status: 101, reason: undefined, path: '/chat', route: 'all' });
    expect(record.attempts).toMatchObject([{ status: 101, reason: undefined }]);
    expect(record.bytesIn).toBeGreaterThan(70_000);
    expect(record.bytesOut).toBeGreaterThan(70_000);
    expect(record.attempts[0]?.endMs).toBeGreaterThan(record.answeredMs ?? Infinity);
    expect(gateway.gateway.upgrades.size).toBe(0);
  });

  test('tells the upstream who asked, and the client which trace it is', async () => {
    const upstream = await startEcho();
    const seen = once(upstream, 'upgrade') as Promise<[http.IncomingMessage]>;
    const gateway = await open(startGateway(simple([upstream.origin])));
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/chat`, ['v1.chat'], { headers: { 'X-Mine': '1' } });
    const [answer] = (await once(socket, 'upgrade')) as [http.IncomingMessage];
    const [{ headers }] = await seen;
    expect(headers).toMatchObject({ connection: 'Upgrade', upgrade: 'websocket', 'x-mine': '1' });
    expect(headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'sec-websocket-protocol': 'v1.chat' });
    socket.terminate();
    const record = await gateway.nextRecord();
    expect(headers['traceparent']).toContain(`${record.traceId}-${record.attempts[0]?.spanId}`);
    expect(answer.headers).toMatchObject({ 'trace-id': record.traceId, 'x-request-id': record.requestId });
  });

  test('lives on through a reload, under the configuration that it was opened with', async () => {
    const upstream = await startEcho();
    const gateway = await open(startGateway(simple([upstream.origin])));
    const socket = await openWebSocket(gateway);
    gateway.gateway.swap(configurationOf({ routes: [] }));
    expect((await fetch(gateway.origin)).status).toBe(404);
    socket.send('still here');
    expect(String((await once(socket, 'message'))[0])).toBe('still here');
    socket.close();
    await closed(socket);
  });

  test('is closed with 1001 when the gateway goes, at the end of the frame that is under way', async () => {
    const upstream = await startRaw();
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write(ask('websocket'));
    const server = await upstream.connection;
    await client.until('\r\n\r\n');
    const head = client.text().length;
    // the head of a frame of five bytes, and two of them
    server.write(Buffer.from([0x82, 5, 1, 2]));
    while (client.text().length < head + 4) await once(client.socket, 'data');
    const closing = gateway.gateway.upgrades.closeAll(1001, { limitMs: 5000 });
    server.write(Buffer.from([3, 4, 5, 0x82, 1, 9]));
    while (client.text().length < head + 20) await once(client.socket, 'data');
    const frames = Buffer.from(client.text().slice(head), 'latin1');
    expect([...frames.subarray(0, 7)]).toEqual([0x82, 5, 1, 2, 3, 4, 5]);
    expect([...frames.subarray(7, 11)]).toEqual([0x88, 12, 1001 >> 8, 1001 & 0xff]);
    expect(frames.subarray(11).toString()).toBe('going away');
    // the upstream is sent a Close frame too, masked as a client's
    await server.until('going away');
    expect([...Buffer.from(server.text(), 'latin1').subarray(0, 2)]).toEqual([0x88, 0x80 | 12]);
    client.write(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
    server.write(Buffer.from([0x88, 0]));
    expect(await closing).toBe(1);
    expect(await gateway.nextRecord()).toMatchObject({ reason: undefined, cause: 'closed by the gateway: going away' });
  });

  test('closeAll: real clients are told 1001 by their library, and no new one is taken', async () => {
    const upstream = await startEcho();
    const gateway = await open(startGateway(simple([upstream.origin])));
    const sockets = await Promise.all(Array.from({ length: 20 }, () => openWebSocket(gateway)));
    const codes = Promise.all(sockets.map(closed));
    expect(await gateway.gateway.upgrades.closeAll(1001)).toBe(20);
    expect(new Set(await codes)).toEqual(new Set([1001]));
    expect(gateway.gateway.open.size).toBe(0);
    const refused = connect(gateway.port);
    refused.write(ask('websocket'));
    expect(answersOf(await refused.closed)).toMatchObject([
      { status: 503, headers: { 'clearway-reason': 'overloaded' } },
    ]);
  });

  test('closeAll cuts off who does not close within the limit', async () => {
    const upstream = await startRaw();
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write(ask('websocket'));
    await client.until('\r\n\r\n');
    expect(await gateway.gateway.upgrades.closeAll(1001, { limitMs: 50 })).toBe(1);
    await client.closed;
    expect(await gateway.nextRecord()).toMatchObject({ status: 101, reason: undefined });
  });

  test('on which nothing is sent for too long is closed, as the fault of nobody but the client', async () => {
    const upstream = await startEcho();
    const timeouts = { upgradeIdleMs: 50 };
    const gateway = await open(startGateway(simple([upstream.origin], { upstream: { timeouts } })));
    const socket = await openWebSocket(gateway);
    expect(await closed(socket)).toBe(1001);
    expect(await gateway.nextRecord()).toMatchObject({
      status: 101,
      reason: 'client_timeout',
      attempts: [{ reason: undefined }],
    });
  });

  test('that breaks off names the side that did', async () => {
    const upstream = await startEcho();
    const gateway = await open(startGateway(simple([upstream.origin])));
    const leaving = await openWebSocket(gateway);
    leaving.terminate();
    expect(await gateway.nextRecord()).toMatchObject({ status: 101, reason: 'client_abort' });
    const left = await openWebSocket(gateway);
    upstream.sockets.clients.forEach((socket) => socket.terminate());
    await closed(left);
    expect(await gateway.nextRecord()).toMatchObject({
      reason: 'reset_mid_body',
      attempts: [{ status: 101, reason: 'reset_mid_body' }],
    });
  });

  test('more than the limit are refused as overloaded', async () => {
    const upstream = await startEcho();
    const gateway = await open(startGateway(simple([upstream.origin], { sections: { server: { maxUpgrades: 1 } } })));
    const first = await openWebSocket(gateway);
    const second = new WebSocket(`ws://127.0.0.1:${gateway.port}/chat`);
    const [, answer] = (await once(second, 'unexpected-response')) as [unknown, http.IncomingMessage];
    expect([answer.statusCode, answer.headers['clearway-reason']]).toEqual([503, 'overloaded']);
    answer.destroy();
    first.close();
  });

  test('takes no place from plain requests, nor from those that have a connection to themselves', async () => {
    const upstream = await startEcho();
    upstream.removeAllListeners('request');
    upstream.on('request', (req: http.IncomingMessage, res: http.ServerResponse) => {
      req.resume().once('end', () => res.end('plain'));
    });
    const gateway = await open(startGateway(simple([upstream.origin], { upstream: { connections: 1 } })));
    const sockets = [await openWebSocket(gateway), await openWebSocket(gateway)];
    for (const fields of ['', 'TE: trailers\r\n', 'Expect: 100-continue\r\nContent-Length: 2\r\n']) {
      const client = connect(gateway.port);
      client.write(`POST / HTTP/1.1\r\nHost: a\r\n${fields}Connection: close\r\n\r\n`);
      if (fields.startsWith('Expect')) {
        await client.until('100 Continue');
        client.write('ok');
      }
      expect(answersOf(await client.closed).at(-1)).toMatchObject({ status: 200 });
    }
    sockets.forEach((socket) => socket.close());
  });

  test.each(['client', 'upstream'])('does not fill the memory when the %s does not read', async (side) => {
    const flood = (socket: WebSocket): void => {
      const send = (): void => socket.send(Buffer.alloc(1024 * 1024), (error) => (error ? undefined : send()));
      send();
    };
    const upstream = await startEcho((socket) => (side === 'client' ? flood(socket) : socket.pause()));
    const gateway = await open(startGateway(simple([upstream.origin])));
    const socket = await openWebSocket(gateway);
    if (side === 'client') socket.pause();
    else flood(socket);
    const [opened] = [...gateway.gateway.open];
    const passed = (): number => (opened?.record.bytesIn ?? 0) + (opened?.record.bytesOut ?? 0);
    // whoever sends is stopped in the end: the gateway takes no more than lies in buffers
    for (let before = 0; before === 0 || before !== passed(); await sleep(200)) {
      before = passed();
      expect(before).toBeLessThan(40 * 1024 * 1024);
    }
    expect(passed()).toBeGreaterThan(0);
    socket.terminate();
  });
});

describe('another protocol', () => {
  const routed = { route: { upgrades: ['echo/1'] } };

  test('RFC 9110 §7.8 is upgraded to where the route names it; each side may end alone', async () => {
    const upstream = await startRaw();
    const gateway = await open(startGateway(simple([upstream.origin], routed)));
    const client = connect(gateway.port, { port: 0, allowHalfOpen: true });
    client.write(`${ask('h2c, Echo/1')}early`);
    const server = await upstream.connection;
    const [answer] = answersOf(await client.until('\r\n\r\n'));
    expect(answer).toMatchObject({
      status: 101,
      headers: { upgrade: 'echo/1', connection: 'Upgrade', 'x-seen': 'yes' },
    });
    await server.until('early');
    client.socket.end('last');
    await server.until('last');
    server.socket.end('after your end');
    expect(await client.closed).toContain('after your end');
    expect(await gateway.nextRecord()).toMatchObject({ kind: 'upgrade', reason: undefined, bytesIn: 9, bytesOut: 14 });
  });

  test('RFC 9110 §7.8 that the route does not name is ignored, and the field is not passed on', async () => {
    const upstream = await open(startUpstream((req, res) => res.end(JSON.stringify(req.headers))));
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write(ask('h2c', 'HTTP2-Settings: AAMAAABk\r\n'));
    const [answer] = answersOf(await client.until('}'));
    expect(answer?.status).toBe(200);
    expect(answer?.body).not.toContain('"upgrade"');
    client.write('GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(answersOf(await client.closed)).toHaveLength(2);
  });

  test('RFC 9110 §7.8 an offer that is not taken up loses nothing of what comes behind it, in one packet or two', async () => {
    const upstream = await open(
      startUpstream((req, res) => void text(req).then((body) => res.end(`${req.method} ${req.url} ${body};`))),
    );
    const gateway = await open(startGateway(simple([upstream.origin])));
    const behind = 'PUT /second HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo';
    const end = 'GET /third HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    for (const [offer, sent] of [
      [ask('h2c'), ''],
      [ask('h2c', 'Content-Length: 4\r\n'), 'four'],
    ] as const) {
      const bytes = `${offer}${sent}${behind}${end}`;
      for (const cut of [bytes.length, offer.length, offer.length + 2, offer.length + 10, bytes.length - 3]) {
        const client = connect(gateway.port);
        client.write(bytes.slice(0, cut));
        await sleep(20);
        client.write(bytes.slice(cut));
        const answers = answersOf(await client.closed);
        const bodies = answers.map(({ body }) => /\w+ \/\w+ \w*;/.exec(body)?.[0]);
        if (sent === '' || NODE_MAJOR < 25) {
          expect(bodies).toEqual([`GET /x ${sent};`, 'PUT /second two;', 'GET /third ;']);
        } else {
          // where the parser reads the body, the client is told that nothing behind it is answered
          expect([bodies, answers[0]?.headers['connection']]).toEqual([['GET /x four;'], 'close']);
        }
      }
    }
  });

  test('offers that are not taken up, with every request of a connection, leave nothing behind on it', async () => {
    const upstream = await open(startUpstream((_req, res) => res.end('plain')));
    const gateway = await open(startGateway(simple([upstream.origin])));
    const accepted = once(gateway.server, 'connection') as Promise<[Socket]>;
    const client = connect(gateway.port);
    const [socket] = await accepted;
    const listeners = (): number[] => socket.eventNames().map((name) => socket.listenerCount(name));
    const after: number[][] = [];
    for (let i = 1; i <= 20; i++) {
      client.write(ask('h2c'));
      while (client.text().split('plain').length <= i) await once(client.socket, 'data');
      after.push(listeners());
    }
    expect(after[19]).toEqual(after[1]);
    client.socket.destroy();
  });

  test('RFC 9110 §7.8 an offer behind a request that is being served ends the connection: what follows it is lost', async () => {
    const upstream = await open(startUpstream((req, res) => void setTimeout(() => res.end(req.url), 20)));
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write(`GET /first HTTP/1.1\r\nHost: a\r\n\r\n${ask('h2c')}`);
    expect(answersOf(await client.closed)).toMatchObject([
      { status: 200 },
      { status: 200, headers: { connection: 'close' } },
    ]);
  });

  test.each([
    ['nothing is upgraded to where the route allows none', { route: { upgrades: [] } }, ask('websocket')],
    ['RFC 6455 §4.1 a WebSocket is asked for by GET', {}, ask('websocket').replace('GET', 'PUT')],
    ['RFC 9110 §7.8 not without the connection option', {}, ask('websocket').replace('Connection: Upgrade\r\n', '')],
    ['RFC 9110 §7.8 not over HTTP/1.0', {}, ask('websocket').replace('HTTP/1.1', 'HTTP/1.0')],
    ['not with a body in between', {}, `${ask('websocket', 'Content-Length: 4\r\n')}body`],
  ])('%s', async (_what, more, request) => {
    const upstream = await open(startUpstream((req, res) => req.resume().once('end', () => res.end('plain'))));
    upstream.on('upgrade', (_req, socket: Socket) => socket.end('HTTP/1.1 101 No\r\n\r\n'));
    const gateway = await open(startGateway(simple([upstream.origin], more)));
    const client = connect(gateway.port);
    client.write(request);
    await client.until('plain');
    client.socket.destroy();
    expect(await gateway.nextRecord()).toMatchObject({ status: 200, kind: 'exchange' });
  });
});

describe('an upgrade that fails', () => {
  test('passes the upstream’s answer on', async () => {
    const upstream = await startEcho();
    upstream.removeAllListeners('upgrade');
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write(ask('websocket'));
    const [answer] = answersOf(await client.closed);
    expect(answer).toMatchObject({ status: 426, headers: { connection: 'close' } });
    expect(answer?.body).toContain('upgrade, please');
    expect(await gateway.nextRecord()).toMatchObject({ kind: 'exchange', status: 426, attempts: [{ status: 426 }] });
  });

  test('RFC 9110 §15.5.22 426 names the protocols that the upstream insists on and the route allows', async () => {
    const upstream = await open(
      startUpstream((_req, res) => {
        res.writeHead(426, { upgrade: 'TLS/1.3, websocket', connection: 'Upgrade', 'content-length': 0 }).end();
      }),
    );
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until('\r\n\r\n');
    client.write(ask('websocket'));
    expect(answersOf(await client.closed)).toMatchObject([
      { status: 426, headers: { upgrade: 'websocket', connection: 'Upgrade' } },
      { status: 426, headers: { upgrade: 'websocket', connection: 'close, Upgrade' } },
    ]);
  });

  test('by a refused connection or by a policy is answered like any request', async () => {
    const gateway = await open(
      startGateway(simple(['http://127.0.0.1:1'], { route: { policies: { rateLimit: { limit: 1 } } } })),
    );
    const outcomes = [];
    for (let i = 0; i < 2; i++) {
      const client = connect(gateway.port);
      client.write(ask('websocket'));
      outcomes.push(answersOf(await client.closed)[0]?.headers['clearway-reason']);
    }
    expect(outcomes).toEqual(['connect_refused', 'rate_limited']);
  });

  test('RFC 9110 §7.8 to a protocol that nobody asked for is upstream_protocol', async () => {
    const upstream = await startRaw('other/2');
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write(ask('websocket'));
    expect(answersOf(await client.closed)).toMatchObject([
      { status: 502, headers: { 'clearway-reason': 'upstream_protocol' } },
    ]);
    expect(await gateway.nextRecord()).toMatchObject({ kind: 'exchange', status: 502, reason: 'upstream_protocol' });
  });

  test('is answered although its client has sent more than the gateway has read', async () => {
    const gateway = await open(startGateway({ routes: [] }));
    for (const request of [ask('websocket'), 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n']) {
      const client = connect(gateway.port);
      client.write(request);
      client.socket.write(Buffer.alloc(500_000));
      expect(answersOf(await client.closed)[0]?.status).toBeGreaterThan(400);
    }
  });

  test('by a client that leaves before the upstream agrees cancels the upstream’s connection', async () => {
    let left: Promise<unknown> | undefined;
    const upstream = await open(startUpstream(() => undefined));
    upstream.on('upgrade', (_req, socket: Socket) => void (left = once(socket.resume(), 'end')));
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write(ask('websocket'));
    await once(upstream, 'upgrade');
    client.socket.destroy();
    await left;
    expect(await gateway.nextRecord()).toMatchObject({ status: 499, reason: 'client_abort' });
  });
});
