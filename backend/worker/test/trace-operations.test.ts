import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  invalidParametersProblemSchema,
  problemDocumentSchema,
  traceListSchema,
  traceSchema,
} from '@clearway/contracts';
import { startApi, type ApiUnderTest } from './support/operations.ts';
import { delivery, gatewaySpan, newTraceId, T0_MS } from './support/spans.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await startApi({ jaegerUiUrl: 'http://127.0.0.1:16686/' });
});
afterEach(() => api.close());

const list = async (query = '') => {
  const answer = await api.get(`/api/traces${query}`);
  expect(answer.status).toBe(200);
  return traceListSchema.parse(await answer.json());
};

function put(sketch: Parameters<typeof gatewaySpan>[0] = {}): string {
  const traceId = newTraceId();
  api.store.acceptSpans(delivery('api-gateway', gatewaySpan({ traceId, ...sketch })));
  return traceId;
}

test('every condition of a search narrows it', async () => {
  const failed = put({ startMs: 1, reason: 'connect_refused', status: 502 });
  const slow = put({ startMs: 2, durationMs: 1500 });
  const posts = put({ startMs: 3, route: 'posts' });
  const ids = async (query: string) => (await list(query)).traces.map(({ traceId }) => traceId);
  expect(await ids('')).toEqual([posts, slow, failed]);
  expect(await ids('?route=posts')).toEqual([posts]);
  expect(await ids('?reason=connect_refused')).toEqual([failed]);
  expect(await ids('?minDurationMs=1000.5')).toEqual([slow]);
  expect(await ids('?service=api-gateway&route=tracks')).toEqual([slow, failed]);
  expect(await ids(`?requestId=request-of-${slow}`)).toEqual([slow]);
  expect(await ids(`?since=${new Date(T0_MS + 2).toISOString()}`)).toEqual([posts, slow]);
  expect(await ids(`?since=${encodeURIComponent('2026-01-01T01:00:00.003+01:00')}`)).toEqual([posts]);
  expect(await ids('?route=nowhere')).toEqual([]);
});

test('pages lead from one to the next, and end', async () => {
  const made = Array.from({ length: 7 }, (_, i) => put({ startMs: i })).reverse();
  const first = await list('?limit=3');
  const second = await list(`?limit=3&cursor=${first.nextCursor}`);
  const third = await list(`?limit=3&cursor=${second.nextCursor}`);
  expect([...first.traces, ...second.traces, ...third.traces].map(({ traceId }) => traceId)).toEqual(made);
  expect(third.nextCursor).toBeUndefined();
});

test('summaries and traces lead to Jaeger when there is one', async () => {
  const traceId = put();
  const url = `http://127.0.0.1:16686/trace/${traceId}`;
  expect((await list()).traces[0]?.url).toBe(url);
  expect(traceSchema.parse(await (await api.get(`/api/traces/${traceId}`)).json()).url).toBe(url);
});

test('and nowhere when there is none', async () => {
  const plain = await startApi();
  const traceId = newTraceId();
  plain.store.acceptSpans(delivery('api-gateway', gatewaySpan({ traceId })));
  expect(await (await plain.get('/api/traces')).text()).not.toContain('"url"');
  expect(await (await plain.get(`/api/traces/${traceId}`)).json()).not.toHaveProperty('url');
  await plain.close();
});

test('every parameter at fault is named', async () => {
  const answer = await api.get(
    '/api/traces?limit=0&minDurationMs=fast&since=today&colour=red&route=a&route=b&cursor=!',
  );
  expect(answer.status).toBe(400);
  const problem = invalidParametersProblemSchema.parse(await answer.json());
  const names = problem.invalidParameters.map(({ name }) => name);
  expect(new Set(names)).toEqual(new Set(['limit', 'minDurationMs', 'since', 'colour', 'route', 'cursor']));
  for (const name of names) expect(problem.detail).toContain(name);
});

test('a cursor that no page gave is named', async () => {
  const problem = await (await api.get('/api/traces?cursor=nonsense')).json();
  expect(invalidParametersProblemSchema.parse(problem).invalidParameters).toMatchObject([{ name: 'cursor' }]);
});

test.each(['nonsense', '0'.repeat(32), 'A'.repeat(32)])('%s is no trace id', async (id) => {
  const answer = await api.get(`/api/traces/${id}`);
  expect([answer.status, invalidParametersProblemSchema.parse(await answer.json()).invalidParameters[0]?.name]).toEqual(
    [400, 'traceId'],
  );
});

test.each(['', '/logs'])('a trace that is not known is 404, with what to do: /api/traces/:id%s', async (suffix) => {
  const answer = await api.get(`/api/traces/${newTraceId()}${suffix}`);
  expect(answer.status).toBe(404);
  expect(problemDocumentSchema.parse(await answer.json()).remedy).toContain('Try again');
});
