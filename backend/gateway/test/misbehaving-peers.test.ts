import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import {
  configurationOf,
  listening,
  sendRaw,
  simple,
  startGateway,
  startRawUpstream,
  startUpstream,
  type GatewayUnderTest,
} from './support/gateway-under-test.ts';
import { open } from './support/open.ts';
import { answerOf, get } from './support/wire.ts';

describe('a client that is waited for in vain is given up, and no upstream is blamed', () => {
  const connected = (gateway: GatewayUnderTest, bytes: string): net.Socket => {
    const socket = net.connect(gateway.port, '127.0.0.1').on('error', () => undefined);
    socket.pause().write(bytes);
    return socket;
  };

  test('while it sends its body', async () => {
    const upstream = await open(startUpstream((req) => void req.resume()));
    const gateway = await open(startGateway(simple([upstream.origin], { upstream: { timeouts: { totalMs: 500 } } })));
    const socket = connected(gateway, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\npart');
    expect(await gateway.nextRecord()).toMatchObject({ status: 408, reason: 'client_timeout' });
    socket.destroy();
  });

  test('while it should read events', async () => {
    const upstream = await open(
      startUpstream((_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        const fill = (): void => {
          while (res.write('x'.repeat(60_000)));
        };
        res.on('drain', fill);
        fill();
      }),
    );
    const timeouts = { idleMs: 250, totalMs: 500 };
    const gateway = await open(startGateway(simple([upstream.origin], { upstream: { timeouts } })));
    const socket = connected(gateway, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await gateway.nextRecord()).toMatchObject({ kind: 'stream', status: 200, reason: 'client_timeout' });
    socket.destroy();
  });

  test('while it should read the rest of answers that are complete', async () => {
    const requests = 200;
    const sections = { server: { maxPipelined: requests } };
    const upstream = await open(startUpstream((_req, res) => res.end(Buffer.alloc(60_000))));
    const timeouts = { idleMs: 1000, totalMs: 1000 };
    const gateway = await open(startGateway(simple([upstream.origin], { upstream: { timeouts }, sections })));
    const socket = connected(gateway, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(requests));
    let reason: string | undefined;
    while (reason === undefined) ({ reason } = await gateway.nextRecord());
    expect(reason).toBe('client_timeout');
    expect(gateway.gateway.open.size).toBe(0);
    socket.destroy();
  });
});

describe('what a client may not tell an upstream', () => {
  test('X-Forwarded-* and X-Real-IP pass only when a trusted proxy sent them', async () => {
    const upstream = await open(startUpstream((req, res) => res.end(JSON.stringify(req.headers))));
    const seenFrom = async (trustProxies: string[]) => {
      const sections = { server: { trustProxies } };
      const gateway = await open(startGateway(simple([upstream.origin], { sections })));
      const headers = { 'x-forwarded-port': '1', 'x-real-ip': '192.0.2.1', 'x-mine': 'kept' };
      return (await (await fetch(gateway.origin, { headers })).json()) as Record<string, string>;
    };
    const stranger = await seenFrom([]);
    expect(stranger).toMatchObject({ 'x-mine': 'kept', 'x-forwarded-for': '127.0.0.1' });
    expect(stranger).not.toHaveProperty('x-forwarded-port');
    expect(stranger).not.toHaveProperty('x-real-ip');
    expect(await seenFrom(['loopback'])).toMatchObject({ 'x-forwarded-port': '1', 'x-real-ip': '192.0.2.1' });
  });

  test('whose certificate is asked for: the name in the handshake is of the target, whatever Host says', async () => {
    const names: string[] = [];
    const options = {
      SNICallback(name: string, answer: (error: Error) => void) {
        names.push(name);
        answer(new Error('there is no certificate'));
      },
    };
    const upstream = await open(listening(tls.createServer(options).on('tlsClientError', () => undefined)));
    const target = `https://localhost:${upstream.port}`;
    const gateway = await open(startGateway(simple([target], { upstream: { hostHeader: 'client' } })));
    await sendRaw(gateway.port, 'GET / HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n');
    expect(await gateway.nextRecord()).toMatchObject({ reason: 'tls_failure' });
    expect(names).toEqual(['localhost']);
  });
});

describe('an upstream that does not keep to HTTP', () => {
  const answering = (text: string) =>
    open(startRawUpstream((socket) => socket.on('error', () => undefined).once('data', () => socket.end(text))));

  test.each([
    ['a status below 100', 'HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n'],
    ['a change of protocol that nobody asked for', 'HTTP/1.1 101 No\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ['100 Continue that nobody asked for', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['a change to a protocol without a name', 'HTTP/1.1 101 No\r\n\r\n'],
    [
      'a coding that nobody asked for',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a control character in a field', 'HTTP/1.1 200 OK\r\nX-A: \u0001\r\nContent-Length: 2\r\n\r\nok'],
  ])('%s is upstream_protocol, and the client is answered', async (what, text) => {
    // the second has a connection to itself, where Node's client ignores 100 Continue
    const requests = what.startsWith('100') ? [get()] : [get(), get('TE: trailers\r\n')];
    for (const request of requests) {
      const { answers, gateway } = await answerOf(text, request);
      expect(answers).toMatchObject([{ status: 502 }]);
      expect(await gateway.nextRecord()).toMatchObject({ reason: 'upstream_protocol', status: 502 });
    }
  });

  test('does not lose a request to a reload: the next target of the old configuration is still tried', async () => {
    const silent = await open(startRawUpstream((socket) => socket.on('error', () => undefined)));
    const good = await open(startUpstream((_req, res) => res.end('old')));
    const other = await open(startUpstream((_req, res) => res.end('new')));
    const upstream = { balance: 'round-robin', timeouts: { connectMs: 50 } };
    const targets = [silent.origin.replace('http', 'https'), good.origin];
    const gateway = await open(startGateway(simple(targets, { upstream })));
    const asked = fetch(gateway.origin).then((answer) => answer.text());
    await once(silent, 'connection');
    gateway.gateway.swap(configurationOf(simple([other.origin])));
    expect(await asked).toBe('old');
    expect(await (await fetch(gateway.origin)).text()).toBe('new');
    expect((await gateway.nextRecord()).attempts).toHaveLength(2);
  });

  test('fields of the connection stay behind, however many Connection fields name them', async () => {
    const fields = 'Connection: X-Inner\r\nConnection: keep-alive\r\nX-Inner: 1\r\nX-Outer: 2';
    const { origin } = await answering(`HTTP/1.1 200 OK\r\n${fields}\r\nContent-Length: 2\r\n\r\nok`);
    const gateway = await open(startGateway(simple([origin])));
    const { headers } = await fetch(gateway.origin);
    expect([headers.get('x-inner'), headers.get('x-outer')]).toEqual([null, '2']);
  });
});
