import { newSpanId, newTraceId } from '@clearway/telemetry';
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gateway, type GatewayConfigurationInput, type MountedGateway, type MountOptions } from '../src/index.ts';

const releases: (() => unknown)[] = [];
afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  releases.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function mount(options: MountOptions): MountedGateway {
  const mounted = gateway(options);
  releases.push(() => mounted.close());
  return mounted;
}

async function tracksAt(): Promise<GatewayConfigurationInput> {
  const url = await serve((req, res) => {
    req.resume().on('end', () => res.setHeader('trace', req.headers['traceparent'] ?? '').end('upstream'));
  });
  return {
    upstreams: { tracks: { targets: [{ url }] } },
    routes: [{ id: 'tracks', match: { path: '/v1/*' }, upstream: 'tracks' }],
  };
}

describe('a mounted gateway', () => {
  test('takes its configuration as an object, with the defaults of a file', async () => {
    const proxy = mount({ configuration: await tracksAt() });
    const origin = await serve((req, res) => proxy(req, res));
    expect(await (await fetch(`${origin}/v1/7`)).text()).toBe('upstream');
    expect(proxy.configuration.server.maxBodyBytes).toBe(100 * 1024 * 1024);
  });

  test('takes it from a file, with variables', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'clearway-mount-'));
    releases.push(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'clearway.yaml');
    const { upstreams, routes } = await tracksAt();
    const url = upstreams?.['tracks']?.targets[0]?.url ?? '';
    writeFileSync(
      file,
      JSON.stringify({ version: 1, upstreams: { tracks: { targets: [{ url: 'env:TRACKS' }] } }, routes }),
    );
    const proxy = mount({ file, variables: { TRACKS: url } });
    const origin = await serve((req, res) => proxy(req, res));
    expect((await fetch(`${origin}/v1/7`)).status).toBe(200);
    expect(() => gateway({ file })).toThrow(/TRACKS is not set/);
  });

  test('names every problem of an object, as of a file', () => {
    const configuration = { routes: [{ id: 'A', match: { path: 'v1' }, upstream: 'x' }] };
    expect(() => gateway({ configuration })).toThrow(/routes\[0\]\.id[^]*routes\[0\]\.match\.path/);
  });

  test('is the gateway that it mounts, also after a swap', async () => {
    const configuration = await tracksAt();
    const proxy = mount({ configuration });
    const origin = await serve((req, res) => proxy(req, res));
    const other = mount({ configuration: { ...configuration, routes: [] } });
    proxy.swap(other.configuration);
    expect(proxy.configuration.routes).toEqual([]);
    expect((await fetch(`${origin}/v1/7`)).status).toBe(404);
  });

  test('says that a body parser has read the body, instead of waiting for it for ever', async () => {
    const proxy = mount({ configuration: await tracksAt() });
    let told: unknown;
    const origin = await serve((req, res) => {
      req.resume().on('end', () =>
        proxy(req, res, (error) => {
          told = error;
          res.writeHead(500).end();
        }),
      );
    });
    expect((await fetch(`${origin}/v1/7`, { method: 'POST', body: 'read' })).status).toBe(500);
    expect(String(told)).toContain('mount the gateway before body parsers');
    expect((await fetch(`${origin}/v1/7`)).status).toBe(200);
  });

  test('keeps nothing of a client that has left while the app was busy with its request', async () => {
    const proxy = mount({ configuration: await tracksAt() });
    let isGiven: () => void = () => {};
    const given = new Promise<void>((resolve) => (isGiven = resolve));
    const origin = await serve((req, res) => {
      req.socket.once('close', () => {
        proxy(req, res);
        isGiven();
      });
      client.resetAndDestroy();
    });
    const client = connect(Number(new URL(origin).port), '127.0.0.1');
    client.write('POST /v1/7 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe');
    await given;
    expect(proxy.open.size).toBe(0);
  });

  test('goes on with the trace that the app is in, and with its sampling', async () => {
    const [traceId, spanId] = [newTraceId(), newSpanId()];
    const parent = { traceId, spanId, traceState: undefined, sampled: false, isDebug: false };
    const proxy = mount({ configuration: await tracksAt(), localParent: () => parent });
    const origin = await serve((req, res) => proxy(req, res));
    const answer = await fetch(`${origin}/v1/7`, { headers: { traceparent: `00-${newTraceId()}-${newSpanId()}-01` } });
    expect(answer.headers.get('trace-id')).toBe(traceId);
    expect(answer.headers.get('trace')).toMatch(new RegExp(`^00-${traceId}-(?!${spanId})[0-9a-f]{16}-00$`));
  });
});
