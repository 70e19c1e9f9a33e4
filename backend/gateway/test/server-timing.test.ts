import { expect, test } from '@jest/globals';
import { simple, startGateway, startUpstream } from './support/gateway-under-test.ts';
import { open } from './support/open.ts';

const slow = () =>
  open(
    startUpstream((_req, res) => {
      setTimeout(() => res.writeHead(200, ['Server-Timing', 'db;dur=1']).end('ok'), 40);
    }),
  );
/** Ports that nobody takes. */
const CLOSED = ['http://127.0.0.1:1', 'http://127.0.0.1:2'];

/** Names and durations of a `Server-Timing`. */
const timesOf = (answer: Response) =>
  Object.fromEntries(
    [...(answer.headers.get('server-timing') ?? '').matchAll(/([a-z]+);dur=([\d.]+)/g)].map(([, name, ms]) => [
      name,
      Number(ms),
    ]),
  ) as Record<string, number>;

test('a caller that is trusted is told where the time went, and the trace', async () => {
  const gateway = await open(startGateway(simple([(await slow()).origin])));
  const answer = await fetch(gateway.origin);
  const { gateway: gatewayMs, upstream: upstreamMs, db } = timesOf(answer);
  const record = await gateway.nextRecord();
  expect(upstreamMs).toBeGreaterThanOrEqual(39);
  // both are rounded
  expect((gatewayMs ?? NaN) + (upstreamMs ?? NaN)).toBeLessThanOrEqual(record.durationMs + 0.1);
  // the upstream's own stays
  expect(db).toBe(1);
  const trace = `traceparent;desc="00-${record.traceId}-${record.spanId}-01"`;
  expect(answer.headers.get('server-timing')).toContain(trace);
});

test('an answer of the gateway itself tells it too, with the number of attempts', async () => {
  const gateway = await open(startGateway(simple(CLOSED)));
  const answer = await fetch(gateway.origin);
  expect(answer.status).toBe(502);
  expect(answer.headers.get('server-timing')).toMatch(/^gateway;dur=[\d.]+, upstream;dur=[\d.]+;desc="2 attempts", /);
});

test('a stranger is told nothing of the gateway', async () => {
  const sections = { server: { showTimingTo: ['10.0.0.0/8'] } };
  const gateway = await open(startGateway(simple([(await slow()).origin], { sections })));
  expect((await fetch(gateway.origin)).headers.get('server-timing')).toBe('db;dur=1');
});
