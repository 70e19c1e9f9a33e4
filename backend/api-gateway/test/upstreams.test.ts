import { upstreamListSchema, type UpstreamList } from '@clearway/contracts';
import { afterEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createAuthority } from '../../../tests/end-to-end/support/certificates.ts';
import { logUpstreams } from '../src/upstreams/log-upstreams.ts';
import { startWhole } from './support.ts';

const releases: (() => unknown)[] = [];
afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

/** A service that is healthy or not. */
async function service(isHealthy: boolean): Promise<string> {
  const server = createServer((_req, res) => res.writeHead(isHealthy ? 200 : 503).end('ok')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  releases.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const TOKENS = { OPERATIONS_TOKENS: `operator:${'o'.repeat(32)},viewer:${'v'.repeat(32)}` };

test('targets are shown with their health, load and addresses; a viewer is told no addresses and no error texts', async () => {
  const [healthy, sick] = [await service(true), await service(false)];
  const named = healthy.replace('127.0.0.1', 'localhost');
  const gateway = await startWhole(
    `version: 1
upstreams:
  checked:
    targets: [{ url: '${healthy}' }, { url: '${sick}' }]
    healthCheck: { path: /health, intervalMs: 100 }
  named: { targets: [{ url: '${named}' }] }
routes:
  - { id: named, match: { path: /* }, upstream: named }
`,
    TOKENS,
  );
  releases.push(() => gateway.close());
  const asked = async (role: 'operator' | 'viewer'): Promise<UpstreamList['upstreams']> => {
    const headers = { authorization: `Bearer ${role[0]?.repeat(32)}` };
    const answer = await fetch(`${gateway.admin}/api/gateway/upstreams`, { headers });
    return upstreamListSchema.parse(await answer.json()).upstreams;
  };
  expect((await fetch(`${gateway.admin}/api/gateway/upstreams`)).status).toBe(401);
  expect(await (await fetch(gateway.origin)).text()).toBe('ok');
  let upstreams = await asked('operator');
  while (upstreams[0]?.targets.some(({ state }) => state === 'unknown')) upstreams = await asked('operator');

  expect(upstreams[0]).toMatchObject({ name: 'checked', checked: true, panicking: false });
  expect(upstreams[0]?.targets).toMatchObject([
    { url: healthy, state: 'healthy', used: true, inFlight: 0, lastCheck: { passed: true, status: 200 } },
    { url: sick, state: 'unhealthy', used: false, lastCheck: { passed: false, status: 503, cause: 'answered 503' } },
  ]);
  expect(upstreams[1]?.targets).toMatchObject([
    { url: named, state: 'unknown', used: true, connections: { open: 1, idle: 1, waiting: 0, limit: 256 } },
  ]);
  expect(upstreams[1]?.targets[0]?.name?.addresses).toContain('127.0.0.1');
  const seen = JSON.stringify(await asked('viewer'));
  expect(seen).not.toContain('answered 503');
  expect(seen).not.toContain('"addresses"');

  const headers = { authorization: `Bearer ${'v'.repeat(32)}` };
  const metrics = await (await fetch(`${gateway.admin}/metrics`, { headers })).text();
  expect(metrics).toContain(`clearway_target_healthy{upstream="checked",target="${healthy}"} 1`);
  expect(metrics).toContain(`clearway_target_healthy{upstream="checked",target="${sick}"} 0`);
  expect(metrics).toContain(`clearway_target_connections_idle{upstream="named",target="${named}"} 1`);
  expect(metrics).toMatch(
    new RegExp(`clearway_health_checks_total\\{upstream="checked",target="${sick}",outcome="failed"\\} [1-9]`),
  );
});

test('a target that changes and a name that moves, fails and comes back are told in the log, and nothing else is', () => {
  const lines: [string, string, object][] = [];
  const say = (level: string) => (message: string, fields: object) => void lines.push([level, message, fields]);
  const tell = logUpstreams({ info: say('info'), warn: say('warn') } as unknown as Parameters<typeof logUpstreams>[0]);
  const check = { atMs: 0, durationMs: 1, status: undefined, reason: 'connect_refused', cause: 'refused' } as const;
  const at = { kind: 'checked', upstream: 'orders', target: 'http://a' } as const;
  tell({ ...at, outcome: { ...check, isPassed: false }, isHealthy: false, hasChanged: false });
  tell({ ...at, outcome: { ...check, isPassed: false }, isHealthy: false, hasChanged: true });
  tell({ ...at, outcome: { ...check, isPassed: true }, isHealthy: true, hasChanged: true });
  tell({ kind: 'name-moved', name: 'a', before: ['10.0.0.1'], addresses: ['10.0.0.2'] });
  tell({ kind: 'name-failed', name: 'a', cause: 'no answer', addresses: ['10.0.0.2'] });
  tell({ kind: 'name-recovered', name: 'a', addresses: ['10.0.0.2'] });
  expect(lines).toMatchObject([
    ['warn', 'a target is unhealthy', { upstream: 'orders', reason: 'connect_refused', cause: 'refused' }],
    ['info', 'a target is healthy', { upstream: 'orders' }],
    ['info', "a target's name has other addresses", { before: ['10.0.0.1'], addresses: ['10.0.0.2'] }],
    ['warn', "a target's name cannot be resolved", { cause: 'no answer', still_used: ['10.0.0.2'] }],
    ['info', "a target's name can be resolved again", { name: 'a' }],
  ]);
});

test('a certificate file that is renewed is taken up, though the configuration says the same', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-renewed-'));
  releases.push(() => rmSync(folder, { recursive: true }));
  const caFile = path.join(folder, 'ca.pem');
  const authority = await createAuthority();
  writeFileSync(caFile, (await createAuthority()).certificate);
  const { certificate: cert, key } = await authority.issue(['127.0.0.1']);
  const server = https.createServer({ cert, key }, (_req, res) => res.end('ok')).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => undefined);
  await once(server, 'listening');
  releases.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gateway = await startWhole(`version: 1
upstreams:
  main: { targets: [{ url: '${url}' }], tls: { caFile: ${caFile} } }
routes:
  - { id: all, match: { path: /* }, upstream: main }
`);
  releases.push(() => gateway.close());
  expect((await fetch(gateway.origin)).headers.get('clearway-reason')).toBe('tls_failure');
  writeFileSync(caFile, authority.certificate);
  while (!(await fetch(gateway.origin)).ok) await new Promise((resolve) => setTimeout(resolve, 50));
  writeFileSync(caFile, 'nonsense');
  const refused = await fetch(`${gateway.admin}/api/gateway/reload`, { method: 'POST' });
  expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('holds no certificate')]);
  expect((await fetch(gateway.origin)).status).toBe(200);
});
