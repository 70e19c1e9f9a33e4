import { expect, test } from '@jest/globals';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { simple, startGateway, startRawUpstream } from './support/gateway-under-test.ts';
import { ANSWERS, numbersOf, oneOf, REQUESTS } from './support/hostile-peers.ts';
import { open } from './support/open.ts';

const CLIENTS = 320;
const AT_ONCE = 64;
const TIMEOUTS = { connectMs: 1000, headersMs: 100, idleMs: 100, totalMs: 400, upgradeIdleMs: 100 };
const SERVER = { maxBodyBytes: 400_000, bodyIdleMs: 100, maxUpgrades: 3, maxPipelined: 4 };
/** Of the client, after which it leaves by itself. */
const PATIENCE_MS = 600;

/** Sends some requests at once or in pieces, and reads on, ends, or breaks off. */
async function beHostile(port: number, number: () => number): Promise<void> {
  const text = Array.from({ length: 1 + Math.floor(number() * 4) }, () => oneOf(REQUESTS, number())).join('');
  const bytes = Buffer.from(text, 'latin1');
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined);
  if (number() < 0.9) client.resume();
  const cut = number() < 0.5 ? bytes.length : Math.floor(number() * bytes.length);
  client.write(bytes.subarray(0, cut));
  await sleep(number() * 20);
  client.write(bytes.subarray(cut));
  await sleep(number() * 20);
  oneOf([() => client.resetAndDestroy(), () => client.end(), () => client.destroy(), () => {}, () => {}], number())();
  const closed = new Promise((resolve) => client.once('close', resolve));
  if (!client.closed) await Promise.race([closed, sleep(PATIENCE_MS)]);
  client.destroy();
}

test('whatever clients and upstreams send, and whenever they leave, every request ends and nothing is left of it', async () => {
  const number = numbersOf(20_261_129);
  const upstream = await open(
    startRawUpstream((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => setTimeout(oneOf(ANSWERS, number()), number() < 0.7 ? 0 : 15, socket));
    }),
  );
  const more = { upstream: { timeouts: TIMEOUTS, connections: 4 }, sections: { server: SERVER } };
  const options = { headersTimeout: 300, requestTimeout: 600, connectionsCheckingInterval: 50 };
  const gateway = await open(startGateway(simple([upstream.origin], more), options));
  for (let i = 0; i < CLIENTS; i += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => beHostile(gateway.port, number)));
  }
  const { open: requests, upgrades, runtime } = gateway.gateway;
  const left = () => runtime.upstreams.all().flatMap(({ targets }) => targets.map((t) => [t.inFlight, t.outside]));
  while (requests.size > 0 || upgrades.size > 0) await sleep(20);
  expect(left()).toEqual([[0, { upgrades: 0, others: 0 }]]);
  expect(gateway.records.filter(({ reason }) => reason === 'internal').map(({ cause }) => cause)).toEqual([]);
  // how many depends on how fast the machine is
  expect(gateway.records.length).toBeGreaterThan(0);
});
