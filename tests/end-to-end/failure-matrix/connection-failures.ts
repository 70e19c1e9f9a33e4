import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createAuthority, type Authority } from '../support/certificates.ts';
import { startDnsServer, type Zone } from '../support/dns-server.ts';
import type { Servers } from '../support/servers.ts';
import { head, type FailureCase, type FailureGroup } from './case.ts';

const failed = (
  reason: FailureCase['reason'],
  status: number,
): Pick<FailureCase, 'reason' | 'status' | 'answer' | 'attempts' | 'phase'> => ({
  reason,
  status,
  answer: 'problem',
  attempts: [{ reason }],
  phase: 'connect',
});

/** A target whose certificate is for these names and days, and an upstream that believes its authority. */
const overTls = (names: string[], days?: [number, number], believed?: () => Promise<Authority>) =>
  async function upstream(servers: Servers): Promise<object> {
    const folder = mkdtempSync(path.join(tmpdir(), 'clearway-authority-'));
    servers.onClose(() => rmSync(folder, { recursive: true }));
    const authority = await createAuthority();
    const { certificate: cert, key } = await authority.issue(names, days);
    const caFile = path.join(folder, 'ca.pem');
    writeFileSync(caFile, ((await believed?.()) ?? authority).certificate);
    const server = https.createServer({ cert, key }, (_req, res) => res.end('never'));
    const origin = await servers.listen(server.on('tlsClientError', () => undefined));
    return { targets: [{ url: origin.replace('http://127.0.0.1', 'https://localhost') }], tls: { caFile } };
  };

/** A target by name; the name server is shared by the group. */
const named = (name: string, more: object = {}) =>
  function upstream(): Promise<object> {
    return Promise.resolve({ targets: [{ url: `http://${name}:9` }], ...more });
  };

const ZONES: Readonly<Record<string, Zone>> = { 'broken.test': 'SERVFAIL', 'silent.test': 'silence' };

/** Resolves when a target was checked twice, so that what the first check found is known. */
const checkedTwice = Promise.withResolvers<void>();

/** What keeps a connection from being made. */
export const connectionFailures: FailureGroup = {
  name: 'connections',
  async sections(servers) {
    const dns = await startDnsServer();
    servers.onClose(() => dns.close());
    for (const [name, zone] of Object.entries(ZONES)) dns.set(name, zone);
    return { dns: { servers: [dns.server], timeoutMs: 500 } };
  },
  cases: [
    {
      title: 'a certificate that has expired',
      cause: 'certificate has expired',
      ...failed('tls_failure', 502),
      upstream: overTls(['localhost'], [-3, -1]),
    },
    {
      title: 'a certificate that is not valid yet',
      cause: 'certificate is not yet valid',
      ...failed('tls_failure', 502),
      upstream: overTls(['localhost'], [1, 3]),
    },
    {
      title: 'a certificate for another name',
      cause: 'altnames',
      ...failed('tls_failure', 502),
      upstream: overTls(['other.example']),
    },
    {
      title: 'a certificate of an authority that is not believed',
      cause: 'certificate signature',
      ...failed('tls_failure', 502),
      upstream: overTls(['localhost'], undefined, createAuthority),
    },
    {
      title: 'a name without an address',
      cause: 'has no address',
      ...failed('dns_failure', 502),
      upstream: named('nowhere.test'),
    },
    {
      title: 'a name that its server cannot say',
      cause: 'ESERVFAIL',
      ...failed('dns_failure', 502),
      upstream: named('broken.test'),
    },
    {
      title: 'a name that is not said in time',
      cause: 'not resolved in time',
      ...failed('dns_failure', 502),
      upstream: named('silent.test', { timeouts: { connectMs: 50 } }),
    },
    {
      title: 'no target that is healthy',
      reason: 'no_healthy_target',
      status: 503,
      answer: 'problem',
      phase: 'policies',
      async upstream(servers) {
        let checks = 0;
        const origin = await servers.http((_req, res) => {
          if (++checks === 2) checkedTwice.resolve();
          res.writeHead(500).end();
        });
        return { targets: [{ url: origin }], healthCheck: { path: '/health', intervalMs: 100 } };
      },
      async request(client, at) {
        await checkedTwice.promise;
        return client.send(head(`GET ${at}`, 'Connection: close'));
      },
    },
  ],
};
