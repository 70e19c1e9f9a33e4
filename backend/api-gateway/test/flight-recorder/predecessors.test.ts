import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FlightMemory } from '../../src/flight-recorder/flight-memory.ts';
import { claim, findPredecessors, newFlightName } from '../../src/flight-recorder/predecessors.ts';
import { fateOf, ownIdentity } from '../../src/flight-recorder/process-identity.ts';
import type { FlightFacts } from '../../src/flight-recorder/read-flight.ts';
import { FACTS } from './support.ts';

const own = ownIdentity();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'clearway-flights-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process that has ended: its number was given to no other yet, or to one that started later. */
const GONE = { ...own, startTicks: 1 };

function leave(facts: Partial<FlightFacts>, name = newFlightName(8000)): string {
  const memory = new FlightMemory();
  memory.writeFacts({ ...FACTS, ...GONE, ...facts });
  const file = path.join(folder, name);
  writeFileSync(file, memory.bytes);
  return file;
}

const found = () => findPredecessors(folder, 8000, own);

describe('the processes before this one', () => {
  test('are those of the same port, newest first', () => {
    leave({ startedAtMs: 1 });
    leave({ startedAtMs: 3 });
    leave({ startedAtMs: 2 });
    leave({ startedAtMs: 4 }, newFlightName(80_000));
    leave({ startedAtMs: 5 }, newFlightName(80));
    expect(found().map(({ startedAtMs }) => startedAtMs)).toEqual([3, 2, 1]);
  });

  test('are kept in number: older files are removed', () => {
    for (let i = 0; i < 9; i++) leave({ startedAtMs: i });
    expect(found().map(({ startedAtMs }) => startedAtMs)).toEqual([8, 7, 6, 5, 4]);
    expect(readdirSync(folder)).toHaveLength(5);
  });

  test('are not those that still run, of this machine', () => {
    const file = leave(own);
    expect(found()).toEqual([]);
    expect(existsSync(file)).toBe(true);
  });

  test('are not those of other machines, whose files stay for a week', () => {
    const file = leave({ host: 'another' });
    expect(found()).toEqual([]);
    expect(existsSync(file)).toBe(true);
    const eightDaysAgo = Date.now() / 1000 - 8 * 86_400;
    utimesSync(file, eightDaysAgo, eightDaysAgo);
    expect(found()).toEqual([]);
    expect(existsSync(file)).toBe(false);
  });

  test('are told of once, however many try', () => {
    leave({ startedAtMs: 1 });
    const [first] = found();
    const [second] = found();
    if (!first || !second) throw new Error('nothing was found');
    expect(first.isTold).toBe(false);
    expect(claim(first)).toMatch(/\.told$/);
    expect(claim(second)).toBeUndefined();
    expect(found()).toMatchObject([{ startedAtMs: 1, isTold: true }]);
  });

  test('may have left anything: what is no file of ours is left alone', () => {
    writeFileSync(path.join(folder, newFlightName(8000)), 'half a fi');
    writeFileSync(path.join(folder, 'README'), 'mine');
    expect(found()).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(2);
  });
});

describe('whether a process is still there', () => {
  test('is told by its number and its start, since numbers are used again', async () => {
    expect(fateOf(own, own)).toBe('alive');
    expect(fateOf({ ...own, startTicks: 1 }, own)).toBe('gone');
    expect(fateOf({ ...own, bootId: 'another time' }, own)).toBe('gone');
    expect(fateOf({ ...own, host: 'another' }, own)).toBe('unknown');
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const { pid = 0 } = child;
    expect(fateOf({ ...own, pid, startTicks: undefined }, own)).toBe('alive');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(fateOf({ ...own, pid, startTicks: undefined }, own)).toBe('gone');
  });

  test('is no where the system does not tell starts, and the number is our own', () => {
    expect(fateOf({ ...own, startTicks: undefined }, own)).toBe('gone');
  });
});
