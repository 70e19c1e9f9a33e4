import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { WebSocket, WebSocketServer } from 'ws';
import { createAuthority, type Authority } from '../../../tests/end-to-end/support/certificates.ts';
import { configurationOf, listening, simple, startGateway } from './support/gateway-under-test.ts';
import { open } from './support/open.ts';
import { answersOf, connect } from './support/raw-client.ts';

let folder: string;
let authority: Authority;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'clearway-tls-'));
  authority = await createAuthority();
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const at = path.join(folder, name);
  writeFileSync(at, text);
  return at;
}

/** A service over TLS that says who its client is. */
async function service(
  names: string[],
  { days, asksClient = false }: { days?: [number, number]; asksClient?: boolean } = {},
) {
  const { certificate: cert, key } = await authority.issue(names, days);
  const options = { cert, key, ca: authority.certificate, requestCert: asksClient, rejectUnauthorized: asksClient };
  const server = https.createServer(options, (req, res) => {
    const peer = (req.socket as TLSSocket).getPeerCertificate() as { subject?: { CN?: string } };
    res.end(`hello ${peer.subject?.CN ?? 'stranger'}`);
  });
  server.on('tlsClientError', () => undefined);
  const { port } = await open(listening(server));
  return (host: string) => `https://${host}:${port}`;
}

/** What a client is answered through a gateway, and why the attempt failed if it did. */
async function ask(target: string, tls: object | undefined): Promise<[string | undefined, string]> {
  const gateway = await open(startGateway(simple([target], { upstream: { ...(tls && { tls }) } })));
  const answer = await fetch(gateway.origin);
  const { cause = '' } = await gateway.nextRecord();
  return answer.ok ? [undefined, await answer.text()] : [answer.headers.get('clearway-reason') ?? '', cause];
}

test("a target's certificate is believed when the configured authority vouches for it and it is for the target", async () => {
  const caFile = file('ca.pem', authority.certificate);
  const good = await service(['localhost', '127.0.0.1']);
  expect(await ask(good('localhost'), { caFile })).toEqual([undefined, 'hello stranger']);
  expect(await ask(good('127.0.0.1'), { caFile })).toEqual([undefined, 'hello stranger']);
  expect(await ask(good('localhost'), undefined)).toMatchObject([
    'tls_failure',
    expect.stringContaining('self-signed'),
  ]);

  const other = await service(['other.example']);
  expect(await ask(other('localhost'), { caFile })).toMatchObject(['tls_failure', expect.stringContaining('altnames')]);
  expect(await ask(other('localhost'), { caFile, serverName: 'other.example' })).toEqual([undefined, 'hello stranger']);

  const expired = await service(['localhost'], { days: [-3, -1] });
  expect(await ask(expired('localhost'), { caFile })).toMatchObject([
    'tls_failure',
    expect.stringContaining('expired'),
  ]);
  expect(await ask(expired('localhost'), { verify: false })).toEqual([undefined, 'hello stranger']);
});

test('the gateway shows its own certificate to a target that asks for one', async () => {
  const own = await authority.issue(['gateway.example']);
  const tls = {
    caFile: file('ca.pem', authority.certificate),
    certificateFile: file('own.pem', own.certificate),
    keyFile: file('own-key.pem', own.key),
  };
  const asking = await service(['localhost'], { asksClient: true });
  expect(await ask(asking('localhost'), tls)).toEqual([undefined, 'hello gateway.example']);
  const [reason] = await ask(asking('localhost'), { caFile: tls.caFile });
  expect(reason).toMatch(/tls_failure|reset_before_headers/);
});

test('files that cannot be read refuse the configuration, and a reload takes new ones up', async () => {
  const caFile = file('changing.pem', (await createAuthority()).certificate);
  const good = await service(['localhost']);
  const content = simple([good('localhost')], { upstream: { tls: { caFile } } });
  const gateway = await open(startGateway(content));
  expect((await fetch(gateway.origin)).status).toBe(502);
  writeFileSync(caFile, authority.certificate);
  gateway.gateway.swap(configurationOf(content));
  expect((await fetch(gateway.origin)).status).toBe(200);
  const swapTo = (tls: object) => () =>
    gateway.gateway.swap(configurationOf(simple([good('localhost')], { upstream: { tls } })));
  expect(swapTo({ caFile: `${caFile}.absent` })).toThrow(/tls\.caFile: cannot be read/);
  expect(swapTo({ caFile: file('empty.pem', '') })).toThrow(/tls\.caFile: holds no certificate/);
  const { certificate, key } = await authority.issue(['a.example']);
  const other = await authority.issue(['b.example']);
  const certificateFile = file('a.pem', certificate);
  expect(swapTo({ certificateFile, keyFile: file('b-key.pem', other.key) })).toThrow(/tls: cannot be used/);
  expect(swapTo({ certificateFile, keyFile: file('a-key.pem', key) })).not.toThrow();
  gateway.gateway.swap(configurationOf(content));
  expect((await fetch(gateway.origin)).status).toBe(200);
});

test.each(['localhost', '127.0.0.1'])(
  'a client names the Host of %s over TLS, and has no say in whose certificate is asked for nor in the connection',
  async (host) => {
    const caFile = file('ca.pem', authority.certificate);
    const { certificate: cert, key } = await authority.issue(['localhost', '127.0.0.1']);
    const names: (string | false | null)[] = [];
    const server = https.createServer({ cert, key }, (req, res) => res.end(req.headers.host));
    server.on('secureConnection', (socket: TLSSocket) =>
      names.push((socket as { servername?: string }).servername ?? null),
    );
    const { port } = await open(listening(server));
    const upstream = { hostHeader: 'client', tls: { caFile } };
    const gateway = await open(startGateway(simple([`https://${host}:${port}`], { upstream })));
    for (const name of ['one.example', 'two.example', 'one.example']) {
      const connection = connect(gateway.port);
      connection.write(`GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);
      expect(answersOf(await connection.closed)).toMatchObject([{ status: 200 }]);
      expect(connection.text()).toContain(name);
    }
    // one connection for all of them
    expect(names.map((name) => name || undefined)).toEqual([host === 'localhost' ? 'localhost' : undefined]);
  },
);

test('a WebSocket reaches a target over TLS', async () => {
  const caFile = file('ca.pem', authority.certificate);
  const { certificate: cert, key } = await authority.issue(['localhost']);
  const server = https.createServer({ cert, key });
  new WebSocketServer({ server }).on('connection', (socket) =>
    socket.on('message', (data: Buffer) => socket.send(data)),
  );
  const { port } = await open(listening(server));
  const gateway = await open(startGateway(simple([`https://localhost:${port}`], { upstream: { tls: { caFile } } })));
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/`);
  await once(socket, 'open');
  socket.send('over TLS');
  expect(String((await once(socket, 'message'))[0])).toBe('over TLS');
  socket.close();
  expect(await gateway.nextRecord()).toMatchObject({ status: 101, reason: undefined });
});
