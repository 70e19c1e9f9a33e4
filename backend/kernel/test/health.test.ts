import { describe, expect, test } from '@jest/globals';
import { checksSchema, healthDocument, HealthRegistry, manualClock, type HealthCheck } from '../src/index.ts';

function check(id: string, probe: HealthCheck['probe'], more: Partial<HealthCheck> = {}): HealthCheck {
  return { id, required: true, timeoutMs: 1000, probe, ...more };
}

const up = () => Promise.resolve();
const down = () => Promise.reject(new Error('connection refused by 10.0.0.7'));

/** A probe that ends when the test says so, and counts its runs. */
function controlled() {
  const runs: { succeed: () => void; fail: (error: Error) => void }[] = [];
  const probe = () => new Promise<void>((resolve, reject) => runs.push({ succeed: resolve, fail: reject }));
  return { probe, runs };
}

describe('overall health', () => {
  test.each([
    ['healthy', up, up],
    ['degraded', up, down],
    ['unhealthy', down, up],
    ['unhealthy', down, down],
  ])('is %s', async (status, required, optional) => {
    const health = new HealthRegistry();
    health.add(check('optional', optional, { required: false }));
    health.add(check('required', required));
    expect((await health.report()).status).toBe(status);
  });

  test('is healthy when nothing is checked', async () => {
    expect((await new HealthRegistry().report()).status).toBe('healthy');
  });
});

describe('a health check', () => {
  test('runs once at a time, however many ask', async () => {
    const { probe, runs } = controlled();
    const health = new HealthRegistry();
    health.add(check('database', probe));
    const reports = [health.report(), health.report(), health.report({ only: ['database'] })];
    expect(runs).toHaveLength(1);
    runs[0]?.succeed();
    expect((await Promise.all(reports)).map(({ status }) => status)).toEqual(['healthy', 'healthy', 'healthy']);
    expect(runs).toHaveLength(1);
  });

  test('is not asked again while its result is fresh, and is once it is not', async () => {
    const clock = manualClock();
    const health = new HealthRegistry({ clock, cacheMs: 1000 });
    let runs = 0;
    health.add(check('database', () => Promise.resolve(void runs++)));
    await health.report();
    clock.tick(999);
    await health.report();
    expect(runs).toBe(1);
    clock.tick(1);
    await health.report();
    expect(runs).toBe(2);
  });

  test('counts as down without an answer in its time, and its signal tells the probe to stop', async () => {
    let stopped = false;
    const health = new HealthRegistry();
    const hang: HealthCheck['probe'] = (signal) =>
      new Promise(() => signal.addEventListener('abort', () => (stopped = true)));
    health.add(check('slow', hang, { timeoutMs: 5 }));
    const { results } = await health.report();
    expect(results.get('slow')).toMatchObject({ status: 'down', error: 'no answer within 5 ms' });
    expect(stopped).toBe(true);
  });

  test('that hangs does not delay the answer about another', async () => {
    const health = new HealthRegistry();
    health.add(check('hangs', () => new Promise(() => {})));
    health.add(check('database', up));
    expect((await health.report({ only: ['database'] })).results.size).toBe(1);
  });

  test.each([
    [new Error('lost'), 'lost'],
    [new TypeError(''), 'TypeError'],
    ['a text', 'a text'],
  ])('that throws %p says why', async (thrown, text) => {
    const health = new HealthRegistry();
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a library may throw anything
    health.add(check('odd', () => Promise.reject(thrown)));
    expect((await health.report()).results.get('odd')?.error).toBe(text);
  });

  test('with the id of another is refused', () => {
    const health = new HealthRegistry();
    health.add(check('database', up));
    expect(() => health.add(check('database', up))).toThrow("health check 'database' is defined twice");
    expect(health.ids()).toEqual(['database']);
  });
});

describe('a result', () => {
  test('is forgotten when it is known to be wrong', async () => {
    const health = new HealthRegistry({ clock: manualClock() });
    let works = true;
    health.add(check('database', () => (works ? up() : down())));
    await health.report();
    works = false;
    health.invalidate('database');
    expect((await health.report()).status).toBe('unhealthy');
  });

  test('that is known to be wrong is asked for again at once, so that quick answers are right too', async () => {
    const { probe, runs } = controlled();
    const health = new HealthRegistry({ clock: manualClock() });
    health.add(check('database', probe));
    const first = health.report({ quick: true });
    runs[0]?.succeed();
    expect((await first).status).toBe('healthy');
    health.recheck('database');
    expect(runs).toHaveLength(2);
    runs[1]?.fail(new Error('gone'));
    await health.report();
    expect((await health.report({ quick: true })).status).toBe('unhealthy');
  });

  test('of a probe that was under way when the connection broke is asked for again, for quick answers too', async () => {
    const { probe, runs } = controlled();
    const health = new HealthRegistry({ clock: manualClock() });
    health.add(check('database', probe));
    const first = health.report();
    health.recheck('database');
    runs[0]?.succeed();
    await first;
    expect(runs).toHaveLength(2);
    runs[1]?.fail(new Error('gone'));
    await health.report();
    expect((await health.report({ quick: true })).status).toBe('unhealthy');
    expect(runs).toHaveLength(2);
  });

  test('of a probe that looked too early is not kept', async () => {
    const { probe, runs } = controlled();
    const health = new HealthRegistry({ clock: manualClock() });
    health.add(check('database', probe));
    const first = health.report();
    health.invalidate('database'); // the connection breaks while the probe is under way
    runs[0]?.succeed();
    await first;
    const second = health.report();
    expect(runs).toHaveLength(2);
    runs[1]?.fail(new Error('gone'));
    expect((await second).status).toBe('unhealthy');
  });

  test('of a check that is not known can be forgotten without harm', () => {
    expect(() => new HealthRegistry().invalidate('nothing')).not.toThrow();
  });

  test('answers quickly however old it is, and only what was never asked is asked', async () => {
    const clock = manualClock();
    const health = new HealthRegistry({ clock });
    let runs = 0;
    health.add(check('database', () => Promise.resolve(void runs++)));
    await health.report({ quick: true });
    clock.tick(3_600_000);
    const { results } = await health.report({ quick: true });
    expect(runs).toBe(1);
    expect(results.get('database')?.checkedAtMs).toBe(clock.nowMs() - 3_600_000);
  });

  test('says how long the check took', async () => {
    const clock = manualClock();
    const health = new HealthRegistry({ clock });
    health.add(check('database', () => Promise.resolve(clock.tick(12))));
    expect((await health.report()).results.get('database')?.responseTimeMs).toBe(12);
  });
});

describe('the answer of /api/health', () => {
  const facts = { nowMs: Date.UTC(2026, 0, 2), uptimeSeconds: 61.4, environment: 'test', version: '1.2.3' };
  const answer = async (probe: HealthCheck['probe'], showDetails: boolean, required = true) => {
    const health = new HealthRegistry({ clock: manualClock() });
    health.add(check('database', probe, { target: '10.0.0.7:5432', required }));
    return healthDocument(await health.report(), { ...facts, showDetails });
  };

  test('has hosts and error texts for operators only', async () => {
    const open = await answer(down, true);
    expect(open.document.services['database']).toMatchObject({ target: '10.0.0.7:5432', error: expect.any(String) });
    expect(JSON.stringify((await answer(down, false)).document)).not.toContain('10.0.0.7');
  });

  test('is 503 when a required service is down and 200 when an optional one is', async () => {
    expect((await answer(down, false)).statusCode).toBe(503);
    expect((await answer(down, false, false)).statusCode).toBe(200);
    expect((await answer(up, false)).statusCode).toBe(200);
  });

  test('has the fields that monitors read', async () => {
    expect((await answer(up, false)).document).toEqual({
      status: 'healthy',
      timestamp: '2026-01-02T00:00:00.000Z',
      uptime: 61,
      environment: 'test',
      version: '1.2.3',
      services: {
        database: { status: 'up', responseTime: 0, required: true, checkedAt: '2026-01-01T00:00:00.000Z' },
      },
    });
  });
});

describe('the section checks', () => {
  const problems = (checks: unknown) =>
    checksSchema.safeParse(checks).error?.issues.map(({ message }) => message) ?? [];
  const url = 'https://api.example.com/health';

  test('gives each check its defaults', () => {
    expect(checksSchema.parse([{ id: 'music', url }])).toEqual([
      { id: 'music', url, required: false, timeoutMs: 2000 },
    ]);
  });

  test.each(['database', 'redis'])("refuses the id '%s', which the gateway uses itself", (id) => {
    expect(problems([{ id, url }])).toEqual([`'${id}' is taken`]);
  });

  test('refuses an id that stands twice, and an address that is not HTTP', () => {
    expect(
      problems([
        { id: 'a', url },
        { id: 'a', url },
      ]),
    ).toEqual(["'a' is taken"]);
    expect(problems([{ id: 'a', url: 'file:///etc/passwd' }])).toHaveLength(1);
  });
});
