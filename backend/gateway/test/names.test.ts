import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http, { type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hostsAddresses } from '../src/proxy/names/hosts-file.ts';
import { createQuery, NameNotFoundError, ResolutionError } from '../src/proxy/names/query.ts';
import { startDnsServer, type DnsServer } from '../../../tests/end-to-end/support/dns-server.ts';
import { startGateway, type GatewayUnderTest } from './support/gateway-under-test.ts';
import { open } from './support/open.ts';

/** Of the two addresses only one listens on machines that have a single loopback address for IPv4. */
const OLD = '127.0.0.1';
const NEW = process.platform === 'linux' ? '127.0.0.2' : '::1';

let dns: DnsServer;
beforeAll(async () => {
  dns = await startDnsServer();
});
afterAll(() => dns.close());

/** A service at two addresses and one port, that says at which it was asked; at `/slow` not before the test lets it. */
async function service() {
  const slow = Promise.withResolvers<void>();
  const listener: http.RequestListener = (req, res) => {
    const end = () => res.end(req.socket.localAddress);
    if (req.url === '/slow') void slow.promise.then(end);
    else end();
  };
  const listen = async (port: number, host: string): Promise<Server> => {
    const server = http.createServer(listener).listen(port, host);
    await once(server, 'listening');
    return server;
  };
  const old = await open(listen(0, OLD));
  const { port } = old.address() as { port: number };
  return { old, moved: await open(listen(port, NEW)), port, letSlowEnd: slow.resolve };
}

/** A gateway with an upstream for each name, at `/<first label>`. */
function gatewayFor(
  origins: readonly string[],
  { dns: more = {}, ...upstream }: { dns?: object } & Record<string, unknown> = {},
) {
  const names = origins.map((origin) => new URL(origin).hostname.split('.')[0] ?? '');
  return open(
    startGateway({
      dns: { servers: [dns.server], timeoutMs: 5000, ...more },
      upstreams: Object.fromEntries(names.map((name, i) => [name, { targets: [{ url: origins[i] }], ...upstream }])),
      routes: names.map((name) => ({
        id: name,
        match: { path: `/${name}/*` },
        upstream: name,
        stripPrefix: `/${name}`,
      })),
    }),
  );
}

async function ask(gateway: GatewayUnderTest, target: string): Promise<string> {
  const answer = await fetch(`${gateway.origin}/${target}`);
  const body = await answer.text();
  return answer.ok ? body : (answer.headers.get('clearway-reason') ?? '');
}

/** Asks until the answer is the wanted one. */
async function until(gateway: GatewayUnderTest, target: string, wanted: string): Promise<void> {
  while ((await ask(gateway, target)) !== wanted) await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('the addresses of a name', () => {
  test('are asked for again when their time is over: a busy connection does not keep requests at the old one', async () => {
    const { port, old, letSlowEnd } = await service();
    dns.set('moving.test', { addresses: [OLD], ttl: 1 });
    const gateway = await gatewayFor([`http://moving.test:${port}`]);
    expect(await ask(gateway, 'moving/')).toBe(OLD);
    const slow = ask(gateway, 'moving/slow');
    await once(old, 'request');
    dns.set('moving.test', { addresses: [NEW], ttl: 1 });
    await until(gateway, 'moving/', NEW);
    // what was under way is not broken off
    letSlowEnd();
    expect(await slow).toBe(OLD);
    expect(await ask(gateway, 'moving/')).toBe(NEW);
    expect(gateway.records.every(({ reason }) => reason === undefined)).toBe(true);
    const { pool } = gateway.gateway.runtime.upstreams.get('moving')?.targets[0] ?? {};
    while (pool?.stats().open !== 1) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(pool.stats()).toEqual({ open: 1, idle: 1, waiting: 0 });
  });

  test('stay in use while DNS fails, and no longer than they may', async () => {
    const { port } = await service();
    for (const name of ['stale.test', 'expired.test']) dns.set(name, { addresses: [OLD], ttl: 1 });
    // a connection for each request: every one needs the address
    const upstream = { keepAliveMs: 1 };
    const gateway = await gatewayFor([`http://stale.test:${port}`], upstream);
    const strict = await gatewayFor([`http://expired.test:${port}`], { ...upstream, dns: { staleMs: 0 } });
    await until(gateway, 'stale/', OLD);
    await until(strict, 'expired/', OLD);
    dns.set('stale.test', 'SERVFAIL');
    dns.set('expired.test', 'SERVFAIL');
    await until(strict, 'expired/', 'dns_failure');
    expect(dns.queries('stale.test')).toBeGreaterThan(2);
    expect(await ask(gateway, 'stale/')).toBe(OLD);
    const status = gateway.gateway.runtime.upstreams.names.status('stale.test');
    expect(status).toMatchObject({ addresses: [OLD], error: expect.stringContaining('ESERVFAIL') });
    dns.set('expired.test', { addresses: [NEW], ttl: 1 });
    await until(strict, 'expired/', NEW);
  });

  test('a name that does not exist is a failure at once, and is found when it appears', async () => {
    const { port } = await service();
    const gateway = await gatewayFor([`http://unborn.test:${port}`]);
    expect(await ask(gateway, 'unborn/')).toBe('dns_failure');
    const [record] = gateway.records;
    expect(record).toMatchObject({ status: 502, reason: 'dns_failure', cause: 'the name unborn.test has no address' });
    expect(record?.attempts).toMatchObject([{ reason: 'dns_failure', status: undefined, sentMs: undefined }]);
    const before = dns.queries('unborn.test');
    const startMs = performance.now();
    await Promise.all(Array.from({ length: 50 }, () => ask(gateway, 'unborn/')));
    // once a second at most, each family
    const seconds = Math.ceil((performance.now() - startMs) / 1000);
    expect(dns.queries('unborn.test') - before).toBeLessThanOrEqual(2 * seconds);
    dns.set('unborn.test', { addresses: [OLD], ttl: 60 });
    await until(gateway, 'unborn/', OLD);
  });

  test('that do not come hold up no other name, and are called what they are', async () => {
    const { port } = await service();
    dns.set('quick.test', { addresses: [OLD], ttl: 60 });
    const names = Array.from({ length: 12 }, (_, i) => `slow${i}`);
    names.forEach((name) => dns.set(`${name}.test`, 'silence'));
    const origins = [...names, 'quick'].map((name) => `http://${name}.test:${port}`);
    const gateway = await gatewayFor(origins, { timeouts: { connectMs: 5000 }, dns: { timeoutMs: 300 } });
    const slow = names.map((name) => ask(gateway, `${name}/`));
    expect(await Promise.race([ask(gateway, 'quick/'), ...slow])).toBe(OLD);
    expect(new Set(await Promise.all(slow))).toEqual(new Set(['dns_failure']));
  });

  test('are all used, one after the other', async () => {
    const { port } = await service();
    dns.set('both.test', { addresses: [OLD, NEW], ttl: 60 });
    const gateway = await gatewayFor([`http://both.test:${port}`], { keepAliveMs: 1 });
    const seen: string[] = [];
    for (let i = 0; i < 6; i++) {
      seen.push(await ask(gateway, 'both/'));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(new Set(seen)).toEqual(new Set([OLD, NEW]));
  });
});

describe('a query', () => {
  const query = (timeoutMs = 5000) => createQuery({ servers: [dns.server], timeoutMs });

  test('says for how long its answer holds: as long as the shortest part of it', async () => {
    dns.set('two.test', { addresses: ['192.0.2.1', '2001:db8::1'], ttl: 7 });
    expect(await query()('two.test')).toEqual({ addresses: ['192.0.2.1', '2001:db8::1'], ttlSeconds: 7 });
  });

  test('tells a name without addresses from a server that cannot say', async () => {
    dns.set('empty.test', { addresses: [], ttl: 1 });
    dns.set('broken.test', 'SERVFAIL');
    dns.set('quiet.test', 'silence');
    await expect(query()('nowhere.test')).rejects.toBeInstanceOf(NameNotFoundError);
    await expect(query()('empty.test')).rejects.toBeInstanceOf(NameNotFoundError);
    const refusal = await query()('broken.test').catch((error: unknown) => error);
    const silence = await query(200)('quiet.test').catch((error: unknown) => error);
    expect([refusal, silence].every((error) => error instanceof ResolutionError)).toBe(true);
    expect([refusal, silence]).toMatchObject([{ isRefusal: true }, { isRefusal: false }]);
  });

  test('finds what only this machine knows, without asking anybody', async () => {
    expect((await query()('localhost')).addresses).toContain('127.0.0.1');
    expect((await query()('app.localhost')).addresses).toEqual(['127.0.0.1', '::1']);
    expect(dns.queries('localhost')).toBe(0);
  });
});

test("the machine's own file gives addresses in its order, whatever the case, and comments count for nothing", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-hosts-'));
  const file = path.join(folder, 'hosts');
  writeFileSync(file, '10.0.0.1 Db.Internal db # db.example\n#10.0.0.2 db\n0:0::5\tdb\nnonsense db\n');
  const addresses = (name: string) => hostsAddresses(name, file);
  expect(await addresses('db')).toEqual(['10.0.0.1', '::5']);
  expect(await addresses('db.internal')).toEqual(['10.0.0.1']);
  expect(await addresses('db.example')).toEqual([]);
  expect(await hostsAddresses('db', path.join(folder, 'absent'))).toEqual([]);
  rmSync(folder, { recursive: true });
});
