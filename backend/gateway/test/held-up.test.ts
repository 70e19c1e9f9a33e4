import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import net from 'node:net';
import { simple, startGateway } from './support/gateway-under-test.ts';
import { open } from './support/open.ts';

/** Holds up everything in this process: gateway, upstream and client. */
function holdUp(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

test('a connection that is refused is called so when the gateway itself was held up', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  const upstream = { timeouts: { connectMs: 20 } };
  const gateway = await open(startGateway(simple([`http://127.0.0.1:${port}`], { upstream })));
  await (await fetch(gateway.origin)).text();
  gateway.gateway.runtime.upstreams.get('main')?.targets.forEach(({ pool }) => {
    const dispatch = pool.dispatch.bind(pool);
    pool.dispatch = (...given) => {
      dispatch(...given);
      holdUp(60);
    };
  });
  const answer = await fetch(gateway.origin);
  expect(answer.headers.get('clearway-reason')).toBe('connect_refused');
});
