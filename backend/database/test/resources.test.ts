import { afterEach, describe, expect, test } from '@jest/globals';
import { manualClock } from '@clearway/kernel';
import { databaseSchema, resourcesSchema, thresholdsSchema } from '@clearway/contracts';
import { resourceReader } from '../src/monitoring/resources/create.ts';
import { prometheusSamples } from '../src/monitoring/resources/prometheus-text.ts';
import type { ResourceReader } from '../src/monitoring/resources/resource-reader.ts';
import { ResourceWatch } from '../src/monitoring/resources/resource-watch.ts';
import {
  startAnything,
  startNeon,
  startPrometheus,
  startSupabase,
  type FigureSource,
  type NeonFigures,
} from './support/figure-sources.ts';

const sources: FigureSource[] = [];
const open = async (source: Promise<FigureSource>): Promise<FigureSource> => {
  const opened = await source;
  sources.push(opened);
  return opened;
};
afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.close()));
});

const read = (reader: ResourceReader | undefined) => reader?.read(new AbortController().signal);
const reader = (settings: object): ResourceReader | undefined => resourceReader(resourcesSchema.parse(settings), '');

describe('the host', () => {
  test('is the source by itself for a server on this machine only', async () => {
    expect(resourceReader(undefined, 'postgresql://a@127.0.0.1:5432/shop')?.source).toBe('host');
    expect(resourceReader(undefined, 'postgresql://a@db.example.com:5432/shop')).toBeUndefined();
    const host = reader({ from: 'host' });
    for (const end = performance.now() + 60; performance.now() < end;);
    const figures = await read(host);
    expect(figures?.memoryPercent).toEqual({ value: expect.any(Number) });
    expect(figures?.cpuPercent).toEqual({ value: expect.any(Number) });
  });
});

describe('Supabase', () => {
  const KEY = 'sb_secret_right';
  const settings = (url: string, secretKey = KEY) => ({
    from: 'supabase',
    project: 'abcdefghijklmnopqrst',
    secretKey,
    url,
  });

  test("tells its processors' share of the time between two readings, and the memory at once", async () => {
    const figures = { busySeconds: 100, idleSeconds: 1000 };
    const { origin } = await open(startSupabase(KEY, figures));
    const supabase = reader(settings(origin));
    expect(await read(supabase)).toEqual({
      cpuPercent: { skipped: 'known from the second reading on' },
      memoryPercent: { value: 75 },
    });
    figures.busySeconds += 45;
    figures.idleSeconds += 15;
    expect((await read(supabase))?.cpuPercent).toEqual({ value: 75 });
  });

  test('that does not know the key is not watched, and the key is not told', async () => {
    const { origin } = await open(startSupabase(KEY, { busySeconds: 1, idleSeconds: 1 }));
    const figures = await read(reader(settings(origin, 'sb_secret_wrong')));
    expect(figures?.cpuPercent).toEqual({ skipped: expect.stringMatching(/answered 401, it does not know the key/) });
    expect(JSON.stringify(figures)).not.toContain('sb_secret');
  });
});

describe('Neon', () => {
  const settings = (url: string, more: object = {}) => ({
    from: 'neon',
    project: 'cool-name-123456',
    endpoint: 'ep-cool-name-123456',
    apiKey: 'napi_right',
    url: `${url}/api/v2`,
    ...more,
  });
  const start = (figures: NeonFigures) => open(startNeon('napi_right', figures));

  test('tells which share of the largest compute was allocated, and nothing of the memory', async () => {
    const figures: NeonFigures = {
      state: 'active',
      smallest: 0.25,
      largest: 4,
      computeSeconds: 1000,
      activeSeconds: 2000,
    };
    const neon = reader(settings((await start(figures)).origin));
    expect((await read(neon))?.cpuPercent).toEqual({ skipped: 'known from the second reading on' });
    expect((await read(neon))?.cpuPercent).toEqual({ skipped: expect.stringContaining('nothing new') });
    figures.computeSeconds += 300;
    figures.activeSeconds += 100;
    const second = await read(neon);
    expect(second).toEqual({
      cpuPercent: { value: 75 },
      memoryPercent: { skipped: expect.stringContaining('does not tell the memory') },
    });
  });

  test('that cannot tell says why', async () => {
    const figures: NeonFigures = { state: 'idle', smallest: 0.25, largest: 4, computeSeconds: 1, activeSeconds: 1 };
    const { origin } = await start(figures);
    expect((await read(reader(settings(origin))))?.cpuPercent).toEqual({ skipped: 'the compute is suspended' });
    Object.assign(figures, { state: 'active', smallest: 4 });
    expect((await read(reader(settings(origin))))?.cpuPercent).toEqual({
      skipped: expect.stringContaining('fixed size 4 CU'),
    });
    const unknown = await read(reader(settings(origin, { project: 'another' })));
    expect(unknown?.cpuPercent).toEqual({ skipped: expect.stringMatching(/404, .*: project not found/) });
    const refused = await read(reader(settings(origin, { apiKey: 'napi_wrong' })));
    expect(refused?.cpuPercent).toEqual({ skipped: expect.stringMatching(/401.*credentials/) });
  });
});

describe('a PromQL query', () => {
  const vector = (...values: string[]) => ({
    resultType: 'vector',
    result: values.map((value) => ({ metric: {}, value: [1_700_000_000.1, value] })),
  });

  test('gives one number, as a vector or a scalar', async () => {
    const answers = { 'cpu()': vector('81.5'), 'mem()': { resultType: 'scalar', result: [1_700_000_000, '44'] } };
    const { origin, asked } = await open(startPrometheus(answers, 'right'));
    const prometheus = reader({ from: 'promql', url: `${origin}/`, cpu: 'cpu()', memory: 'mem()', token: 'right' });
    expect(await read(prometheus)).toEqual({ cpuPercent: { value: 81.5 }, memoryPercent: { value: 44 } });
    expect(asked[0]).toContain('/api/v1/query?query=cpu');
  });

  test.each([
    ['none()', 'gives 0 series'],
    ['two()', 'gives 2 series'],
    ['range()', 'gives a matrix'],
    ['nan()', 'gives NaN'],
    ['broken(', 'answered 400: invalid parameter'],
  ])('that does not is skipped with the reason: %s', async (cpu, reason) => {
    const answers = {
      'two()': vector('1', '2'),
      'range()': { resultType: 'matrix', result: [] },
      'nan()': vector('NaN'),
    };
    const { origin } = await open(startPrometheus(answers));
    const figures = await read(reader({ from: 'promql', url: origin, cpu }));
    expect(figures?.cpuPercent).toEqual({ skipped: expect.stringContaining(reason) });
    expect(figures?.memoryPercent).toEqual({ skipped: 'no query for memory is configured' });
  });
});

describe('any source', () => {
  test.each([
    ['is not there', 'closed', 'cannot be reached: ECONNREFUSED'],
    ['sends elsewhere', 'redirect', 'a redirect, which is not followed'],
    ['sends without end', 'flood', 'more than'],
    ['speaks another language', 'html', 'not JSON'],
    ['answers in another form', 'form', "a form that is not Prometheus'"],
  ])('that %s is skipped', async (_what, where, reason) => {
    const source = await open(
      startAnything((_req, _url, res) => {
        if (where === 'redirect') return void res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
        if (where === 'html') return void res.end('<html>');
        if (where === 'form') return void res.end('{"answer":42}');
        const chunk = Buffer.alloc(1024 * 1024, 'x');
        const more = (): void =>
          void (res.writableEnded || res.destroyed || res.write(chunk, () => setImmediate(more)));
        more();
      }),
    );
    if (where === 'closed') await source.close();
    const figures = await read(reader({ from: 'promql', url: source.origin, cpu: 'a', memory: 'b' }));
    expect(figures?.cpuPercent).toEqual({ skipped: expect.stringContaining(reason) });
  });

  test('is asked as often as it is worth, and without one nothing counts as well', async () => {
    const { origin, asked } = await open(startPrometheus({ c: { resultType: 'scalar', result: [1, '96'] } }));
    const clock = manualClock();
    const settings = { connectionString: () => 'postgresql://a@db/shop', thresholds: thresholdsSchema.parse({}) };
    const nobody = new ResourceWatch(settings, clock);
    expect(await nobody.read()).toEqual({
      cpu: { notWatched: expect.stringContaining('no source') },
      memory: { notWatched: expect.stringContaining('no source') },
    });
    const resources = resourcesSchema.parse({ from: 'promql', url: origin, cpu: 'c' });
    const watch = new ResourceWatch({ ...settings, resources }, clock);
    expect(await watch.read()).toMatchObject({
      cpu: {
        value: 96,
        limits: { warning: 80, critical: 90, forSeconds: 300 },
        message: '96 % of the processors are in use (promql)',
      },
      memory: { skipped: 'promql: no query for memory is configured' },
    });
    expect(await watch.read()).toEqual({});
    clock.tick(15_000);
    await watch.read();
    expect(asked).toHaveLength(2);
  });
});

test("Prometheus' text format is read with its escapes, and what is not understood is left out", () => {
  const text = 'a{x="1 \\"2\\" \\n",y="z"} 1.5 1700000000\na 2e3\nb 1\na{broken 1\n# a 5\na +Inf\na NaN\n';
  expect(prometheusSamples(text, new Set(['a']))).toEqual([
    { name: 'a', labels: { x: '1 "2" \n', y: 'z' }, value: 1.5 },
    { name: 'a', labels: {}, value: 2000 },
    { name: 'a', labels: {}, value: Infinity },
  ]);
});

test('settings of a source are refused when they cannot be right', () => {
  const parse = (resources: object) =>
    databaseSchema.safeParse({ id: 'a', url: 'postgresql://a@db/shop', resources }).success;
  expect(parse({ from: 'supabase', project: 'https://x.supabase.co', secretKey: 'k' })).toBe(false);
  expect(parse({ from: 'neon', project: 'p', endpoint: 'cool', apiKey: 'k' })).toBe(false);
  expect(parse({ from: 'neon', project: 'p', endpoint: 'ep-cool', apiKey: 'k' })).toBe(true);
});
