import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { portProblems, renderPortProblems } from '../stack/ports.ts';

async function withTakenPort(host: string, work: (port: number) => Promise<void>): Promise<void> {
  const server = createServer();
  await once(server.listen(0, host), 'listening');
  try {
    await work((server.address() as AddressInfo).port);
  } finally {
    server.close();
    await once(server, 'close');
  }
}

describe('the check of ports', () => {
  test.each(['127.0.0.1', '0.0.0.0', '::'])(
    'names a port that is taken on %s and the variable that moves it',
    async (host) => {
      await withTakenPort(host, async (port) => {
        const problems = await portProblems([{ name: 'the gateway', variable: 'GATEWAY_PORT', port }]);
        const text = renderPortProblems(problems, (taken) => taken + 1);
        expect(text).toContain(`port ${port} of the gateway (GATEWAY_PORT) is taken by another process`);
        expect(text).toContain(`GATEWAY_PORT=${port + 1} npm start`);
      });
    },
  );

  test('names all problems at once', async () => {
    await withTakenPort('127.0.0.1', async (port) => {
      const problems = await portProblems([
        { name: 'the gateway', variable: 'GATEWAY_PORT', port },
        { name: 'the worker', variable: 'WORKER_PORT', port },
      ]);
      expect(problems.map(({ variable }) => variable)).toEqual(['GATEWAY_PORT', 'WORKER_PORT']);
      expect(problems[1]?.message).toContain('by the gateway (GATEWAY_PORT) and by the worker (WORKER_PORT)');
    });
  });

  test('leaves a free port free', async () => {
    const free = await new Promise<number>((resolve) => {
      void withTakenPort('127.0.0.1', (port) => Promise.resolve(resolve(port)));
    });
    const want = { name: 'the worker', variable: 'WORKER_PORT', port: free };
    expect(await portProblems([want])).toEqual([]);
    expect(await portProblems([want])).toEqual([]);
  });
});
