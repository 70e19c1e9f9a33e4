import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { processStart, readLock, takeLock, type StartLock } from '../stack/lock.ts';
import { renderRunning } from '../stack/table.ts';
import { folder, write } from './support/folder.ts';

function lockIn(file: string): StartLock {
  const result = takeLock(file);
  if (!('lock' in result)) throw new Error(`held by ${result.holder.pid}`);
  return result.lock;
}
const left = (facts: object) =>
  JSON.stringify({ startedAt: new Date().toISOString(), ready: true, addresses: [], ...facts });

describe('the lock of a start', () => {
  test('cannot be where nobody can make anything, which ends at once and says what to set', () => {
    expect(() => takeLock('/proc/clearway/start.lock')).toThrow(
      /no folder can be made at \/proc\/clearway .*set DATA_DIRECTORY/,
    );
  });

  test('tells a second start who runs, since when and where', () => {
    const file = path.join(folder(), 'start.lock');
    lockIn(file).update({ ready: true, addresses: [{ name: 'gateway', address: 'http://127.0.0.1:8000', note: '' }] });
    const second = takeLock(file);
    if (!('holder' in second)) throw new Error('a second start took the lock');
    const text = renderRunning(second.holder);
    expect(text).toContain(`is already running here: process ${process.pid}`);
    expect(text).toContain('http://127.0.0.1:8000');
  });

  test('says so while the first one is still starting', () => {
    const file = path.join(folder(), 'start.lock');
    lockIn(file);
    expect(renderRunning(readLock(file)!)).toContain('is being started here');
  });

  test('is taken over from a start that was killed', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    const root = folder({ 'start.lock': left({ pid: dead.pid, processStart: '1' }) });
    const lock = lockIn(path.join(root, 'start.lock'));
    expect(lock.foundStale).toBe(true);
    expect(readLock(path.join(root, 'start.lock'))?.pid).toBe(process.pid);
    expect(readdirSync(root)).toEqual(['start.lock']);
  });

  test('is taken over when its process id was given to another process', () => {
    const root = folder({ 'start.lock': left({ pid: process.pid, processStart: 'long ago' }) });
    expect(lockIn(path.join(root, 'start.lock')).foundStale).toBe(true);
  });

  test('is taken over when the file makes no sense', () => {
    const root = folder({ 'start.lock': '{"pid":' });
    expect(lockIn(path.join(root, 'start.lock')).foundStale).toBe(true);
  });

  test('is gone after its release, and a release spares the lock of another start', () => {
    const file = path.join(folder(), 'start.lock');
    const lock = lockIn(file);
    lock.release();
    expect(existsSync(file)).toBe(false);
    write(path.dirname(file), { 'start.lock': left({ pid: 1, processStart: processStart(1) ?? '' }) });
    lock.release();
    expect(existsSync(file)).toBe(true);
  });
});
