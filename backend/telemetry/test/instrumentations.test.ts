import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startOtlpReceiver, type OtlpReceiver } from '../../../tests/receivers/index.ts';
import { createInstrumentations } from '../src/tracing/instrumentations.ts';

let receiver: OtlpReceiver;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
});
afterAll(() => receiver.close());

const NOTHING = { hosts: new Set<string>(), paths: new Set<string>() };

test.each([
  ['none', []],
  ['gateway', ['ioredis', 'pg']],
  ['service', ['http', 'ioredis', 'undici', 'prisma']],
] as const)('the set %s switches on exactly what it names', (set, names) => {
  const instrumentations = createInstrumentations(set, NOTHING);
  for (const instrumentation of instrumentations) instrumentation.disable();
  const short = instrumentations.map(({ instrumentationName }) =>
    instrumentationName.replace(/^@.*instrumentation-?/, ''),
  );
  expect(short.map((name) => (name === '' ? 'prisma' : name))).toEqual(names);
});

test('Redis and PostgreSQL are traced in ES modules without a loader hook', async () => {
  const fixture = new URL('fixtures/redis-client.ts', import.meta.url).pathname;
  const options = ['-C', '@clearway/source', '--disable-warning=ExperimentalWarning'];
  await promisify(execFile)(process.execPath, [...options, fixture, receiver.url]);
  const parent = receiver.spans().find((span) => span.name === 'request');
  const children = receiver.spans().filter((span) => span.parentSpanId === parent?.spanId);
  expect(children.map((span) => span.scope)).toEqual([
    '@opentelemetry/instrumentation-ioredis',
    '@opentelemetry/instrumentation-pg',
  ]);
  expect(JSON.stringify(children)).not.toContain('secret-value');
});
