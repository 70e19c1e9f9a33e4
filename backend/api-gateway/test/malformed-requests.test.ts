import { createGateway, loadClearwayFile, type Gateway } from '@clearway/gateway';
import { createRecorder, type RequestRecord } from '@clearway/telemetry';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http, { type Server } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { answerMalformedRequests } from '../src/malformed-requests.ts';
import { oneRoute } from './support.ts';

let server: Server;
let upstream: Server;
let gateway: Gateway;
let opened: number;
let records: RequestRecord[];
let nextRecord: Promise<RequestRecord>;

beforeEach(async () => {
  opened = 0;
  records = [];
  // never answers, and reads what it is sent
  upstream = http.createServer((req) => void req.resume()).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  let taken: (record: RequestRecord) => void;
  nextRecord = new Promise((resolve) => (taken = resolve));
  const accept = (record: RequestRecord): void => {
    records.push(record);
    taken(record);
  };
  const recorder = createRecorder([{ name: 'test', accept }], () => undefined);
  const onOpen = (): void => void opened++;
  gateway = createGateway({ configuration: configurationFor(upstream), recorder, onOpen });
  const limits = { headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 20 };
  server = http.createServer(limits, gateway.handler).listen(0, '127.0.0.1');
  answerMalformedRequests(server, { recorder, onOpen });
  await once(server, 'listening');
});

afterEach(async () => {
  for (const each of [server, upstream]) {
    each.close();
    each.closeAllConnections();
  }
  await gateway.close();
});

function configurationFor(target: Server) {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-malformed-'));
  try {
    const file = path.join(folder, 'clearway.yaml');
    writeFileSync(file, oneRoute(`http://127.0.0.1:${(target.address() as AddressInfo).port}`));
    return loadClearwayFile(file, {}).configuration;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Sends text over a connection that the client keeps open; with the server's end of it. */
async function send(text: string): Promise<{ socket: Socket; closed: Promise<unknown>; answer: () => string }> {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = net.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  let answer = '';
  socket.on('data', (chunk) => (answer += String(chunk))).on('error', () => undefined);
  const [inside] = await accepted;
  const closed = new Promise((resolve) => inside.once('close', resolve));
  if (text !== '') socket.write(text);
  return { socket, closed, answer: () => answer };
}

describe('what is no request', () => {
  test('is answered, recorded once, and its connection is closed although the client keeps it open', async () => {
    const { socket, closed, answer } = await send('nonsense\r\n\r\n');
    await closed;
    expect(answer()).toMatch(/^HTTP\/1\.1 400 /);
    expect(records).toMatchObject([{ status: 400, reason: 'request_invalid', clientAddress: '127.0.0.1' }]);
    expect(opened).toBe(1);
    socket.destroy();
  });

  test('headers that do not come in time are the fault of the client', async () => {
    const { socket, closed, answer } = await send('GET / HTTP/1.1\r\n');
    await closed;
    expect(answer()).toMatch(/^HTTP\/1\.1 408 /);
    expect(records).toMatchObject([{ status: 408, reason: 'client_timeout' }]);
    socket.destroy();
  });

  test('a connection that was opened and never used is closed without a record', async () => {
    const { socket, closed, answer } = await send('');
    await closed;
    expect([answer(), opened, records]).toEqual(['', 0, []]);
    socket.destroy();
  });
});

describe('a request whose body', () => {
  const post = (fields: string): string => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n`;

  test.each([
    ['does not come in time', 'client_timeout', `${post('Content-Length: 9')}part`],
    ['is no chunked coding', 'request_invalid', `${post('Transfer-Encoding: chunked')}2\r\nab\r\nno chunk\r\n`],
  ])('%s is recorded once, as %s', async (_what, reason, text) => {
    const { socket, closed } = await send(text);
    expect(await nextRecord).toMatchObject({ reason, method: 'POST', route: 'all', attempts: [{ reason }] });
    await closed;
    expect([opened, records.length, gateway.open.size]).toEqual([1, 1, 0]);
    socket.destroy();
  });
});
