import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Supervisor, type ChildSpec, type Ending } from '../stack/supervisor.ts';
import { controlServer, type ControlServer } from './support/control-server.ts';

const fixture = (name: string) => path.join(import.meta.dirname, 'fixtures', name);

let control: ControlServer;
let endings: Ending[];
let lines: string[];
let ended: PromiseWithResolvers<Ending>;
const supervisors: Supervisor[] = [];

beforeEach(async () => {
  control = await controlServer();
  [endings, lines, ended] = [[], [], Promise.withResolvers()];
});
afterEach(async () => {
  for (const supervisor of supervisors.splice(0)) supervisor.kill();
  await control[Symbol.asyncDispose]();
});

function supervise(graceMs = 10_000): Supervisor {
  const supervisor = new Supervisor({
    graceMs,
    onLine: (name, line) => lines.push(`${name}: ${line}`),
    onEnd: (ending) => {
      endings.push(ending);
      ended.resolve(ending);
    },
  });
  supervisors.push(supervisor);
  return supervisor;
}

const child = (name: string, behaviour: 'drain' | 'hang' = 'drain', code = 0): ChildSpec => ({
  name,
  args: [fixture('child.mjs'), String(control.port), name, behaviour, String(code)],
  env: {},
});

describe('the supervisor', () => {
  test('stops children one after the other, last started first, with one signal each', async () => {
    const supervisor = supervise();
    for (const name of ['worker', 'tracks', 'gateway']) supervisor.start(child(name));
    await control.seen('worker up', 'tracks up', 'gateway up');
    const told: string[] = [];
    const orderly = await supervisor.stop((name, outcome) => told.push(`${name} ${outcome}`));
    await control.seen('worker gone', 'tracks gone', 'gateway gone');
    expect(orderly).toBe(true);
    expect(told).toEqual(['gateway stopped', 'tracks stopped', 'worker stopped']);
    const signals = control.events.filter((event) => event.includes('SIG'));
    expect(signals).toEqual(['gateway SIGTERM', 'tracks SIGTERM', 'worker SIGTERM']);
    expect(endings).toEqual([]);
  });

  test('keeps the children out of its own process group, where Ctrl-C would reach them', async () => {
    const supervisor = supervise();
    const pid = supervisor.start(child('gateway')) ?? 0;
    await control.seen('gateway up');
    expect(() => process.kill(-pid, 0)).not.toThrow();
  });

  test('kills a child that does not leave within its grace, and says so', async () => {
    const supervisor = supervise(100);
    supervisor.start(child('worker', 'hang'));
    await control.seen('worker up');
    const told: string[] = [];
    expect(await supervisor.stop((name, outcome) => told.push(`${name} ${outcome}`))).toBe(false);
    expect(told).toEqual(['worker did not stop within 0.1 s and was killed']);
  });

  test('kills all at once when asked to', async () => {
    const supervisor = supervise();
    for (const name of ['worker', 'gateway']) supervisor.start(child(name, 'hang'));
    await control.seen('worker up', 'gateway up');
    supervisor.kill();
    await control.seen('worker gone', 'gateway gone');
    expect(control.events).not.toContain('worker SIGTERM');
  });

  test('tells of a child that ends by itself, with its code and last lines', async () => {
    const supervisor = supervise();
    supervisor.start(child('worker', 'drain', 3));
    await control.seen('worker up');
    control.end('worker');
    const ending = await ended.promise;
    expect(ending).toMatchObject({ name: 'worker', code: 3, reason: 'exit 3', lastLines: ['last words'] });
    expect(lines).toEqual(['worker: last words']);
    expect(supervisor.has('worker')).toBe(false);
  });

  test('tells which signal ended a child', async () => {
    const supervisor = supervise();
    supervisor.start(child('worker'));
    await control.seen('worker up');
    process.kill(control.pids.get('worker') ?? 0, 'SIGKILL');
    expect(await ended.promise).toMatchObject({ code: 137, reason: 'SIGKILL' });
  });

  test('tells of a child that cannot be started', async () => {
    supervise().start({ ...child('worker'), cwd: '/does/not/exist' });
    expect(await ended.promise).toMatchObject({ name: 'worker', code: 127 });
  });

  test('replaces a child without taking that for an end', async () => {
    const supervisor = supervise();
    supervisor.start(child('worker'));
    await control.seen('worker up');
    await supervisor.restart(child('worker'));
    await control.seen('worker up', 'worker up');
    expect(control.events).toEqual(['worker up', 'worker SIGTERM', 'worker gone', 'worker up']);
    expect(endings).toEqual([]);
  });

  test('stops a child that was replaced when its turn would have come', async () => {
    const supervisor = supervise();
    for (const name of ['worker', 'gateway']) supervisor.start(child(name));
    await control.seen('worker up', 'gateway up');
    await supervisor.restart(child('worker'));
    await control.seen('worker up', 'worker up');
    const told: string[] = [];
    await supervisor.stop((name) => told.push(name));
    expect(told).toEqual(['gateway', 'worker']);
  });

  test('leaves no child behind when it is killed itself', async () => {
    const supervisor = spawn(process.execPath, [fixture('supervisor.ts'), String(control.port)], { stdio: 'ignore' });
    await control.seen('first up', 'second up');
    supervisor.kill('SIGKILL');
    await once(supervisor, 'exit');
    await control.seen('first gone', 'second gone');
  });
});
