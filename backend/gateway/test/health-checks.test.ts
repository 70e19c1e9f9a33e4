import { describe, expect, test } from '@jest/globals';
import type { IncomingHttpHeaders } from 'node:http';
import { createGateway } from '../src/gateway.ts';
import { Places, startHealthChecks } from '../src/proxy/health/health-checks.ts';
import { TargetHealth, type CheckOutcome } from '../src/proxy/health/target-health.ts';
import { usableTargets } from '../src/proxy/upstreams.ts';
import type { TargetChecked } from '../src/proxy/upstream-events.ts';
import {
  configurationOf,
  simple,
  startGateway,
  startRawUpstream,
  startUpstream,
  type GatewayUnderTest,
} from './support/gateway-under-test.ts';
import { open } from './support/open.ts';

const outcome = (isPassed: boolean, atMs = 0): CheckOutcome => ({
  isPassed,
  atMs,
  durationMs: 1,
  status: isPassed ? 200 : 500,
  reason: undefined,
  cause: undefined,
});

describe('the health of a target', () => {
  const health = () => new TargetHealth({ healthyAfter: 2, unhealthyAfter: 3 }, 0);
  const states = (health: TargetHealth, outcomes: string) =>
    [...outcomes].map((each, i) => (health.apply(outcome(each === '+', i)), health.state));

  test('is unknown and usable until the first check, which decides', () => {
    expect([health().state, health().isUsable]).toEqual(['unknown', true]);
    expect(states(health(), '-')).toEqual(['unhealthy']);
    expect(states(health(), '+')).toEqual(['healthy']);
  });

  test('changes after as many equal outcomes in a row as are configured', () => {
    const own = health();
    expect(states(own, '+--+---')).toEqual([...Array<string>(6).fill('healthy'), 'unhealthy']);
    expect([own.isUsable, own.sinceMs]).toEqual([false, 6]);
    expect(states(own, '+-++')).toEqual(['unhealthy', 'unhealthy', 'unhealthy', 'healthy']);
    expect(own.apply(outcome(true))).toBe(false);
  });
});

test('with fewer healthy targets than the threshold all are used, and with none of it the healthy ones only', () => {
  const targets = [true, false, false, false].map((isUsable) => ({ health: { isUsable } }));
  const none = targets.slice(1);
  expect(usableTargets(targets, 0)).toEqual([targets[0]]);
  expect(usableTargets(targets, 25)).toEqual([targets[0]]);
  expect(usableTargets(targets, 26)).toEqual(targets);
  expect(usableTargets(none, 0)).toEqual([]);
  expect(usableTargets(none, 1)).toEqual(none);
});

describe('health checks', () => {
  test('ask a target again only when it has answered, and so many at once at most', async () => {
    let running = 0;
    let most = 0;
    const counts = new Map<object, number>();
    const targets = Array.from({ length: 6 }, () => ({
      health: new TargetHealth({ healthyAfter: 1, unhealthyAfter: 1 }, 0),
    }));
    const busy = new Set<object>();
    const stop = startHealthChecks({
      targets,
      intervalMs: 1,
      places: new Places(2),
      random: () => 0,
      async check(target) {
        expect(busy.has(target)).toBe(false);
        busy.add(target);
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 2));
        running--;
        busy.delete(target);
        return outcome(true);
      },
      onChecked: (target) => counts.set(target, (counts.get(target) ?? 0) + 1),
    });
    while (counts.size < 6 || Math.min(...counts.values()) < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    stop();
    const after = [...counts.values()];
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([...counts.values()]).toEqual(after);
    expect(most).toBe(2);
  });
});

/** A service whose health can be set. */
async function service(name: string) {
  const state = { status: 200, checks: [] as IncomingHttpHeaders[], connections: new Set<object>() };
  const server = await open(
    startUpstream((req, res) => {
      if (req.url !== '/health?deep') return res.end(name);
      state.checks.push(req.headers);
      state.connections.add(req.socket);
      res.writeHead(state.status).end('x'.repeat(100_000));
    }),
  );
  return { origin: server.origin, state };
}

const CHECK = { path: '/health?deep', intervalMs: 100, timeoutMs: 5000, healthyAfter: 1, unhealthyAfter: 2 };

async function ask(gateway: GatewayUnderTest): Promise<string> {
  const answer = await fetch(gateway.origin);
  const body = await answer.text();
  return answer.ok ? body : `${answer.status} ${answer.headers.get('clearway-reason')}`;
}

const statesOf = (gateway: GatewayUnderTest) =>
  gateway.gateway.runtime.upstreams.get('main')?.targets.map(({ health }) => health.state);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('a target that fails its health checks', () => {
  test('is left out until it passes again; with none left requests are refused, or sent all the same by configuration', async () => {
    const [a, b] = [await service('a'), await service('b')];
    const upstream = { balance: 'round-robin', healthCheck: CHECK };
    const gateway = await open(startGateway(simple([a.origin, b.origin], { upstream })));
    const panicking = { ...upstream, healthCheck: { ...CHECK, panicBelowPercent: 1 } };
    const brave = await open(startGateway(simple([a.origin, b.origin], { upstream: panicking })));
    await until(() => statesOf(gateway)?.every((state) => state === 'healthy') === true);
    expect(new Set([await ask(gateway), await ask(gateway)])).toEqual(new Set(['a', 'b']));

    a.state.status = 503;
    await until(() => statesOf(gateway)?.[0] === 'unhealthy' && statesOf(brave)?.[0] === 'unhealthy');
    expect([await ask(gateway), await ask(gateway), await ask(brave), await ask(brave)]).toEqual(['b', 'b', 'b', 'b']);

    b.state.status = 503;
    await until(() => [gateway, brave].every((each) => statesOf(each)?.every((state) => state === 'unhealthy')));
    expect(await ask(gateway)).toBe('503 no_healthy_target');
    expect(gateway.records.at(-1)).toMatchObject({ reason: 'no_healthy_target', attempts: [] });
    expect(new Set([await ask(brave), await ask(brave)])).toEqual(new Set(['a', 'b']));

    a.state.status = 204;
    await until(() => statesOf(gateway)?.[0] === 'healthy');
    expect([await ask(gateway), await ask(gateway)]).toEqual(['a', 'a']);
    // a check is nobody's request
    expect(gateway.records.every(({ path }) => path === '/')).toBe(true);
  });

  test('is asked as configured, over a connection of its own each time, without a trace', async () => {
    const a = await service('a');
    a.state.status = 418;
    const headers = { Authorization: 'Bearer x', 'User-Agent': 'probe' };
    const healthCheck = { ...CHECK, method: 'HEAD', headers, expectStatus: [418] };
    const gateway = await open(
      startGateway(simple([a.origin], { upstream: { healthCheck, hostHeader: 'inner.example' } })),
    );
    await until(() => a.state.checks.length >= 3);
    expect(statesOf(gateway)).toEqual(['healthy']);
    const [check] = a.state.checks;
    expect(check).toMatchObject({
      authorization: 'Bearer x',
      'user-agent': 'probe',
      host: 'inner.example',
      connection: 'close',
    });
    expect(check).not.toHaveProperty('traceparent');
    expect(a.state.connections.size).toBe(a.state.checks.length);
  });

  test('fails by what a request would fail by, and each check is told', async () => {
    const silent = await open(startRawUpstream((socket) => void socket.on('error', () => undefined)));
    const gone = await startRawUpstream(() => undefined);
    gone.close();
    const told: TargetChecked[] = [];
    const healthCheck = { ...CHECK, timeoutMs: 300 };
    const gateway = createGateway({
      configuration: configurationOf(simple([silent.origin, gone.origin], { upstream: { healthCheck } })),
      onUpstream: (event) => void (event.kind === 'checked' && told.push(event)),
    });
    await until(() => new Set(told.filter(({ hasChanged }) => hasChanged).map(({ target }) => target)).size === 2);
    await gateway.close();
    const causes = Object.fromEntries(
      told.map(({ target, outcome: { reason, isPassed } }) => [target, [reason, isPassed]]),
    );
    expect(causes).toEqual({ [silent.origin]: ['headers_timeout', false], [gone.origin]: ['connect_refused', false] });
    expect(told.every(({ upstream, isHealthy }) => upstream === 'main' && !isHealthy)).toBe(true);
  });

  test('stays known to be unhealthy through a reload that leaves its check as it is', async () => {
    const [a, b] = [await service('a'), await service('b')];
    a.state.status = 500;
    const content = (more: object) =>
      simple([a.origin, b.origin], {
        upstream: { balance: 'round-robin', healthCheck: { ...CHECK, intervalMs: 60_000 }, ...more },
      });
    const gateway = await open(startGateway(content({})));
    await until(() => statesOf(gateway)?.every((state) => state !== 'unknown') === true);
    gateway.gateway.swap(configurationOf(content({ connections: 7 })));
    expect(statesOf(gateway)).toEqual(['unhealthy', 'healthy']);
    expect([await ask(gateway), await ask(gateway)]).toEqual(['b', 'b']);
  });
});
