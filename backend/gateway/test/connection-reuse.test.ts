import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { Connector } from '../src/proxy/connections/connection.ts';
import { ConnectionPool, type PooledHandler } from '../src/proxy/connections/connection-pool.ts';
import { refusingItself } from '../src/proxy/connections/refuse-itself.ts';
import { buildConnector } from 'undici';
import { simple, startGateway, startRawUpstream, startUpstream } from './support/gateway-under-test.ts';
import { open } from './support/open.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Answers the first request of each connection and does `leave` with the second, as if it had left just before. */
async function leavingUpstream(leave: (socket: Socket) => void) {
  const requests: string[] = [];
  let connections = 0;
  const upstream = await open(
    startRawUpstream((socket) => {
      connections++;
      let served = 0;
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        requests.push(chunk.toString('latin1').split(' ', 1)[0] ?? '');
        if (served++ === 0) socket.write(OK);
        else leave(socket);
      });
    }),
  );
  return { origin: upstream.origin, requests, connections: () => connections };
}

const WAYS: [string, (socket: Socket) => void][] = [
  ['resets it', (socket) => socket.resetAndDestroy()],
  ['ends it', (socket) => socket.end()],
  ['says goodbye with 408', (socket) => socket.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')],
];

describe('a connection that the other end leaves while it is idle', () => {
  test.each(WAYS)('costs a request that may be repeated nothing: the target %s', async (_how, leave) => {
    const upstream = await leavingUpstream(leave);
    const gateway = await open(startGateway(simple([upstream.origin])));
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'GET']) {
      const answer = await fetch(gateway.origin, { method });
      expect([answer.status, await answer.text()]).toEqual([200, 'ok']);
    }
    expect(upstream.requests).toEqual(['GET', 'PUT', 'PUT', 'DELETE', 'DELETE', 'OPTIONS', 'OPTIONS', 'GET', 'GET']);
    expect(upstream.connections()).toBe(5);
    const [first, repeated] = gateway.records;
    expect(first?.attempts).toHaveLength(1);
    expect(repeated).toMatchObject({ status: 200, reason: undefined });
    expect(repeated?.attempts).toMatchObject([
      { resendCount: 0, reason: 'reset_before_headers', status: undefined, target: upstream.origin },
      { resendCount: 1, reason: undefined, status: 200, target: upstream.origin },
    ]);
  });

  test.each([
    ['of a method that is not idempotent', { method: 'POST' }],
    ['with a body', { method: 'PUT', body: 'x' }],
  ])('makes no request be sent twice %s', async (_what, init) => {
    const upstream = await leavingUpstream((socket) => socket.resetAndDestroy());
    const gateway = await open(startGateway(simple([upstream.origin])));
    await (await fetch(gateway.origin)).text();
    expect((await fetch(gateway.origin, init)).status).toBe(502);
    expect(upstream.requests).toEqual(['GET', init.method]);
    expect(gateway.records[1]?.attempts).toMatchObject([{ reason: 'reset_before_headers' }]);
  });

  test('makes no request be sent twice of which the answer had begun', async () => {
    const upstream = await leavingUpstream((socket) => socket.write('HTTP/1.1 2', () => socket.resetAndDestroy()));
    const gateway = await open(startGateway(simple([upstream.origin])));
    await (await fetch(gateway.origin)).text();
    expect((await fetch(gateway.origin)).status).toBe(502);
    expect(upstream.requests).toEqual(['GET', 'GET']);
  });

  test('a new connection that is reset is no reason to repeat anything', async () => {
    let requests = 0;
    const upstream = await open(startRawUpstream((s) => s.once('data', () => (requests++, s.resetAndDestroy()))));
    const gateway = await open(startGateway(simple([upstream.origin])));
    expect((await fetch(gateway.origin)).status).toBe(502);
    expect(requests).toBe(1);
  });

  test('is replaced also where no further one may be opened', async () => {
    const upstream = await leavingUpstream((socket) => socket.resetAndDestroy());
    const gateway = await open(startGateway(simple([upstream.origin], { upstream: { connections: 1 } })));
    for (let i = 0; i < 3; i++) expect((await fetch(gateway.origin)).status).toBe(200);
  });

  test('is not given a request that may not be repeated, unless it carried another a moment ago', async () => {
    const upstream = await leavingUpstream((socket) => socket.write(OK));
    const gateway = await open(startGateway(simple([upstream.origin])));
    await (await fetch(gateway.origin)).text();
    await (await fetch(gateway.origin, { method: 'POST' })).text();
    expect(upstream.connections()).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 600));
    await (await fetch(gateway.origin, { method: 'POST' })).text();
    expect(upstream.connections()).toBe(2);
    await (await fetch(gateway.origin)).text();
    expect(upstream.connections()).toBe(2);
  });
});

describe('the pool', () => {
  const handler = (on: Partial<PooledHandler> = {}): PooledHandler => ({
    connection: undefined,
    onRequestStart: () => undefined,
    onResponseStart: () => undefined,
    onResponseData: () => undefined,
    onResponseEnd: () => undefined,
    onResponseError: () => undefined,
    ...on,
  });
  const request = { path: '/', method: 'GET' } as const;
  const poolOf = (origin: string, limit: number) =>
    new ConnectionPool(origin, limit, { connector: buildConnector({ timeout: 1000 }), keepAliveMs: 4000 });

  test('keeps to its limit, serves in order, and gives a place that nobody waits for to the next', async () => {
    const answers: (() => void)[] = [];
    const upstream = await open(startUpstream((_req, res) => void answers.push(() => res.end())));
    const pool = poolOf(upstream.origin, 1);
    const ended: number[] = [];
    const send = (id: number): PooledHandler => {
      const own = handler({ onResponseEnd: () => void ended.push(id) });
      pool.dispatch(request, own);
      return own;
    };
    send(1);
    const second = send(2);
    send(3);
    expect(pool.stats()).toMatchObject({ waiting: 2 });
    pool.cancel(second);
    const next = async () => {
      while (answers.length === 0) await new Promise((resolve) => setImmediate(resolve));
      answers.shift()?.();
    };
    await next();
    await next();
    while (ended.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toEqual([1, 3]);
    await pool.destroy();
  });

  test('knows of a request that was not written that the other end had left before', async () => {
    const sockets: Socket[] = [];
    const upstream = await open(startUpstream((req, res) => (sockets.push(req.socket), res.end())));
    const pool = poolOf(upstream.origin, 1);
    const ended = () =>
      new Promise<void>((resolve) => pool.dispatch(request, handler({ onResponseEnd: () => resolve() })));
    await ended();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const written: string[] = [];
    const failed = await new Promise<PooledHandler>((resolve) => {
      const own = handler({ onRequestStart: () => void written.push('x'), onResponseError: () => resolve(own) });
      // behind the poll of this turn, so that the reset is read before undici writes
      setImmediate(() => {
        sockets[0]?.resetAndDestroy();
        pool.dispatch(request, own);
      });
    });
    expect(written).toEqual([]);
    expect(failed.connection?.wasLeft).toBe(true);
    await ended();
    expect(sockets).toHaveLength(2);
    await pool.destroy();
  });

  test('gets a place back from a request that could not be sent at all', async () => {
    const upstream = await open(startUpstream((_req, res) => res.end()));
    const pool = poolOf(upstream.origin, 1);
    const refused = handler({ onResponseError: () => pool.cancel(refused) });
    pool.dispatch({ ...request, headers: ['not a name', 'x'] }, refused);
    await new Promise<void>((resolve) => pool.dispatch(request, handler({ onResponseEnd: () => resolve() })));
    expect(pool.stats()).toMatchObject({ waiting: 0 });
    await pool.destroy();
  });

  test('gets a place back at once from a connection that is not made in time', async () => {
    // accepts no more than its backlog and is never greeted over TLS
    const silent = await open(startRawUpstream((socket) => void socket.on('error', () => undefined)));
    const pool = poolOf(silent.origin.replace('http', 'https'), 1);
    const errors: Error[] = [];
    const impatient = handler({ onResponseError: (_controller, error) => void errors.push(error) });
    pool.dispatch(request, impatient);
    pool.cancel(impatient);
    const second = handler();
    pool.dispatch(request, second);
    while (second.connection === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toHaveLength(1);
    await pool.destroy();
  });

  test('takes a connection that has reached itself for a refused one, and leaves the port to who is to listen', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    let reached = 0;
    // what TCP does by chance: the connecting end has the port that it connects to
    const toItself: Connector = (_options, callback) => {
      const socket = net.connect({ host: '127.0.0.1', port, localPort: port });
      socket.once('connect', () => (reached++, callback(null, socket)));
      socket.once('error', (error) => callback(error, null));
    };
    const connector = refusingItself(toItself);
    const pool = new ConnectionPool(`http://127.0.0.1:${port}`, 1, { connector, keepAliveMs: 1000 });
    const error = await new Promise<Error>((resolve) => {
      pool.dispatch(request, handler({ onResponseError: (_controller, cause) => resolve(cause) }));
    });
    expect(reached).toBe(1);
    expect(error).toMatchObject({ code: 'ECONNREFUSED', message: expect.stringContaining('reached itself') });
    await pool.destroy();
    await once(server.listen(port, '127.0.0.1'), 'listening');
    server.close();
  });
});
