import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RequestRecord } from '@clearway/telemetry';
import { sendRaw, simple, startGateway, startUpstream, type GatewayUnderTest } from './support/gateway-under-test.ts';

type Upstream = Awaited<ReturnType<typeof startUpstream>>;
let upstream: Upstream;
/** Names in lower case and values of what the upstream was last given, repeated fields apart. */
let seen: [string, string][] = [];
const gateways = new Map<string, GatewayUnderTest>();

beforeAll(async () => {
  upstream = await startUpstream((req, res) => {
    seen = req.rawHeaders.flatMap((name, i): [string, string][] =>
      i % 2 === 0 ? [[name.toLowerCase(), req.rawHeaders[i + 1] ?? '']] : [],
    );
    res.end();
  });
});
afterAll(async () => {
  await Promise.all([...gateways.values()].map((gateway) => gateway.close()));
  upstream.close();
});

interface Options {
  server?: object;
  propagate?: string[];
  tracing?: object;
}

/** Sends header fields through a gateway of such a configuration, and says what came of them. */
async function pass(fields: readonly string[], { server, propagate, tracing }: Options = {}) {
  const key = JSON.stringify([server, propagate, tracing]);
  const content = simple([upstream.origin], {
    upstream: { ...(propagate && { propagate }) },
    sections: { ...(server && { server }), ...(tracing && { tracing }) },
  });
  let gateway = gateways.get(key);
  if (!gateway) gateways.set(key, (gateway = await startGateway(content)));
  const lines = ['GET / HTTP/1.1', 'Host: a', 'Connection: close', ...fields];
  await sendRaw(gateway.port, `${lines.join('\r\n')}\r\n\r\n`);
  return { record: await gateway.nextRecord(), sent: of };
}

/** The values of a field that the upstream was given. */
const of = (name: string): string[] => seen.filter(([field]) => field === name).map(([, value]) => value);

const TRACE = '12345678901234567890123456789012';
const PARENT = '1234567890123456';
const VALID = `00-${TRACE}-${PARENT}-01`;

/** What the upstream must be told, in one field, whatever the caller said. */
function expectOneTraceparent(record: RequestRecord): void {
  const flags = record.sampled ? '01' : '00';
  expect(of('traceparent')).toEqual([`00-${record.traceId}-${record.attempts[0]?.spanId}-${flags}`]);
}

describe('traceparent (W3C Trace Context, 3.2)', () => {
  test.each([
    ['version 00 (3.2.2)', `traceparent: ${VALID}`],
    ['any case of the name (3.2.1)', `TrAcEpArEnT: ${VALID}`],
    ['white space around it (RFC 9110, 5.5)', `traceparent: \t ${VALID} \t`],
    ['a later version (3.2.2.1)', `traceparent: cc${VALID.slice(2)}`],
    ['a later version with more parts (3.2.4)', `traceparent: cc${VALID.slice(2)}-what-the-future-brings`],
    ['flags that are not known (3.2.2.5)', `traceparent: ${VALID.slice(0, -2)}ff`],
  ])('carries the trace on: %s', async (_what, field) => {
    const { record } = await pass([field]);
    expect(record).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, sampled: true });
    expectOneTraceparent(record);
  });

  test.each([
    ['none', 'x: y'],
    ['another name (3.2.1)', `trace-parent: ${VALID}`],
    ['version ff (3.2.2.1)', `traceparent: ff${VALID.slice(2)}`],
    ['a version that is no number', `traceparent: .0${VALID.slice(2)}`],
    ['a version of three digits', `traceparent: 0${VALID}`],
    ['a version of one digit', `traceparent: ${VALID.slice(1)}`],
    ['version 00 with more parts (3.2.2)', `traceparent: ${VALID}-more`],
    ['version 00 with more characters', `traceparent: ${VALID}.`],
    ['a later version without a dash behind the flags (3.2.4)', `traceparent: cc${VALID.slice(2)}.more`],
    ['a trace id of zeros (3.2.2.3)', `traceparent: 00-${'0'.repeat(32)}-${PARENT}-01`],
    ['a trace id in upper case (3.2.2.3)', `traceparent: 00-${'A'.repeat(32)}-${PARENT}-01`],
    ['a trace id with another character', `traceparent: 00-.${TRACE.slice(1)}-${PARENT}-01`],
    ['a trace id that is too long', `traceparent: 00-${TRACE}3-${PARENT}-01`],
    ['a trace id that is too short', `traceparent: 00-${TRACE.slice(1)}-${PARENT}-01`],
    ['a parent id of zeros (3.2.2.4)', `traceparent: 00-${TRACE}-${'0'.repeat(16)}-01`],
    ['a parent id with another character', `traceparent: 00-${TRACE}-${PARENT.slice(1)}.-01`],
    ['a parent id that is too long', `traceparent: 00-${TRACE}-${PARENT}7-01`],
    ['a parent id that is too short', `traceparent: 00-${TRACE}-${PARENT.slice(1)}-01`],
    ['flags with another character', `traceparent: ${VALID.slice(0, -1)}.`],
    ['flags that are too long', `traceparent: ${VALID}1`],
    ['flags that are too short', `traceparent: ${VALID.slice(0, -1)}`],
    ['two of them', `traceparent: ${VALID}\r\ntraceparent: ${VALID.replace(TRACE, 'a'.repeat(32))}`],
  ])('begins the trace anew, without tracestate: %s', async (_what, field) => {
    const { record } = await pass([field, 'tracestate: foo=1']);
    expect(record.parentSpanId).toBeUndefined();
    expect(record.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect(record.traceId).not.toContain(TRACE.slice(1, -1));
    expectOneTraceparent(record);
    expect(of('tracestate')).toEqual([]);
  });

  test('a trace that is not sampled is carried on as such, and each request has a span of its own (3.2.2.5)', async () => {
    const unsampled = [`traceparent: ${VALID.slice(0, -1)}0`];
    const records = [(await pass(unsampled)).record, (await pass(unsampled)).record];
    expectOneTraceparent(records[1] as RequestRecord);
    expect(records.map(({ sampled }) => sampled)).toEqual([false, false]);
    expect(new Set(records.map(({ attempts }) => attempts[0]?.spanId)).size).toBe(2);
  });
});

describe('tracestate (W3C Trace Context, 3.3)', () => {
  test('several fields, in any case, become one in their order (3.3.1.1)', async () => {
    await pass([`traceparent: ${VALID}`, 'tracestate: foo=1, bar=2', 'TraceState: ', 'TRACESTATE: rojo=1']);
    expect(of('tracestate')).toEqual(['foo=1,bar=2,rojo=1']);
  });

  test('that is invalid is left out, and the trace is carried on (3.3.1)', async () => {
    const { record } = await pass([`traceparent: ${VALID}`, 'tracestate: foo=1', 'tracestate: foo=2']);
    expect(record.traceId).toBe(TRACE);
    expect(of('tracestate')).toEqual([]);
  });
});

describe('whose ids are believed is configured', () => {
  const everything = [
    `traceparent: ${VALID}`,
    'tracestate: foo=1',
    'X-Request-Id: mine',
    'baggage: user=7',
    'uberctx-user: 7',
  ];
  const nobody: string[] = [];
  const own = { traceId: expect.not.stringContaining(TRACE), parentSpanId: undefined };

  test('own networks by default', async () => {
    const { record } = await pass(everything);
    expect(record).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, sampled: true, requestId: 'mine' });
    expect([of('tracestate'), of('baggage'), of('uberctx-user')]).toEqual([['foo=1'], ['user=7'], ['7']]);
  });

  test('nothing of strangers, and nothing of it reaches the upstream', async () => {
    const { record } = await pass(everything, { server: { trustIds: nobody }, tracing: { sampleRatio: 0 } });
    expect(record).toMatchObject({ ...own, sampled: false });
    expect(record.requestId).not.toBe('mine');
    expect(of('x-request-id')).toEqual([record.requestId]);
    expectOneTraceparent(record);
    expect(seen.filter(([name]) => /tracestate|baggage|uberctx/.test(name))).toEqual([]);
  });

  test('the trace', async () => {
    const { record } = await pass(everything, { server: { trustTraceContext: nobody } });
    expect(record).toMatchObject({ ...own, requestId: 'mine' });
    expect([of('tracestate'), of('baggage')]).toEqual([[], ['user=7']]);
  });

  test('the sampling flag: the trace goes on, the decision is ours', async () => {
    const server = { trustSampling: nobody };
    const dropped = (await pass(everything, { server, tracing: { sampleRatio: 0 } })).record;
    expect(dropped).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, sampled: false });
    const denied = [`traceparent: ${VALID.slice(0, -1)}0`];
    const kept = (await pass(denied, { server, tracing: { sampleRatio: 1 } })).record;
    expect(kept).toMatchObject({ traceId: TRACE, sampled: true });
  });

  test('the sampling flag of a trace that is not believed', async () => {
    const options = { server: { trustTraceContext: nobody, trustSampling: ['loopback'] }, tracing: { sampleRatio: 0 } };
    expect((await pass(everything, options)).record).toMatchObject({ ...own, sampled: true });
  });

  test('the request id', async () => {
    const { record } = await pass(everything, { server: { trustRequestId: nobody } });
    expect(record.traceId).toBe(TRACE);
    expect(record.requestId).not.toBe('mine');
  });

  test('baggage', async () => {
    const { record } = await pass(everything, { server: { trustBaggage: nobody } });
    expect(record.traceId).toBe(TRACE);
    expect(seen.filter(([name]) => /baggage|uberctx/.test(name))).toEqual([]);
  });

  test('behind a trusted proxy it is the client that must be believed, not the proxy that passed its fields on', async () => {
    const server = { trustProxies: ['loopback'] };
    const stranger = await pass([...everything, 'X-Forwarded-For: 203.0.113.9'], { server });
    expect(stranger.record).toMatchObject({ ...own, clientAddress: '203.0.113.9' });
    expect(stranger.record.requestId).not.toBe('mine');
    const colleague = await pass([...everything, 'X-Forwarded-For: 203.0.113.9, 10.1.2.3'], { server });
    expect(colleague.record).toMatchObject({ traceId: TRACE, requestId: 'mine', clientAddress: '10.1.2.3' });
  });
});

describe('B3 and Jaeger', () => {
  const SPAN = 'e457b5a2e4d86bd1';

  test.each([
    ['b3', [`b3: ${TRACE}-${SPAN}-1`], true],
    ['X-B3-*', [`X-B3-TraceId: ${TRACE}`, `X-B3-SpanId: ${SPAN}`, 'X-B3-Sampled: 0'], false],
    ['uber-trace-id', [`uber-trace-id: ${TRACE}:${SPAN}:0:1`], true],
  ])('%s is understood, and told to the upstream as W3C', async (_what, fields, sampled) => {
    const { record } = await pass(fields);
    expect(record).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, sampled });
    expectOneTraceparent(record);
    expect(seen.filter(([name]) => /b3|uber/.test(name))).toEqual([]);
  });

  test('a caller that leaves the decision to us is sampled by the ratio', async () => {
    const deferred = [`b3: ${TRACE}-${SPAN}`];
    expect((await pass(deferred, { tracing: { sampleRatio: 0 } })).record.sampled).toBe(false);
    expect((await pass(deferred, { tracing: { sampleRatio: 1 } })).record.sampled).toBe(true);
  });

  test('an upstream is told in the formats that it asks for, each a child of its attempt', async () => {
    const propagate = ['b3', 'b3multi', 'jaeger', 'w3c'];
    const { record } = await pass([`traceparent: ${VALID}`, 'baggage: user=7'], { propagate });
    const span = record.attempts[0]?.spanId ?? '';
    expectOneTraceparent(record);
    expect(of('b3')).toEqual([`${TRACE}-${span}-1`]);
    expect([of('x-b3-traceid'), of('x-b3-spanid'), of('x-b3-sampled')]).toEqual([[TRACE], [span], ['1']]);
    expect(of('uber-trace-id')).toEqual([`${TRACE}:${span}:0:1`]);
    expect(of('baggage')).toEqual([]);
  });

  test('debugging is passed on to those that know it', async () => {
    const { record } = await pass([`b3: ${TRACE}-${SPAN}-d`], { propagate: ['b3', 'b3multi', 'jaeger', 'w3c'] });
    expect(record.sampled).toBe(true);
    expect([of('x-b3-flags'), of('x-b3-sampled')]).toEqual([['1'], []]);
    expect(of('b3')[0]).toMatch(/-d$/);
    expect(of('uber-trace-id')[0]).toMatch(/:3$/);
    expectOneTraceparent(record);
  });

  test('an upstream that may know nothing is told nothing', async () => {
    await pass([`traceparent: ${VALID}`, `b3: ${TRACE}-${SPAN}-1`, 'baggage: user=7'], { propagate: [] });
    expect(seen.filter(([name]) => /trace|b3|uber|baggage/.test(name))).toEqual([]);
  });
});

test('baggage passes within its limits and is cut to whole members beyond them', async () => {
  const members = Array.from({ length: 70 }, (_, i) => `k${i}=v`);
  await pass([`baggage: ${members.slice(0, 40).join(',')}`, `baggage: broken, ${members.slice(40).join(', ')}`]);
  expect(of('baggage')).toEqual([members.slice(0, 64).join(',')]);
});
