import { describe, expect, test } from '@jest/globals';
import { Lifecycle, manualClock } from '../src/index.ts';

describe('releases', () => {
  test('run in the reverse order of what was opened, one after the other', async () => {
    const lifecycle = new Lifecycle();
    const steps: string[] = [];
    for (const name of ['database', 'listener']) {
      lifecycle.onRelease(name, async () => {
        steps.push(`${name} begins`);
        await Promise.resolve();
        steps.push(`${name} ends`);
      });
    }
    const outcomes = await lifecycle.release();
    expect(steps).toEqual(['listener begins', 'listener ends', 'database begins', 'database ends']);
    expect(outcomes.map(({ name }) => name)).toEqual(['listener', 'database']);
  });

  test('that fail, or throw at once, do not keep the others from running', async () => {
    const lifecycle = new Lifecycle();
    let released = false;
    lifecycle.onRelease('first', () => (released = true));
    lifecycle.onRelease('rejects', () => Promise.reject(new Error('lost')));
    lifecycle.onRelease('throws', () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- a library may throw anything
      throw 'no error object';
    });
    const outcomes = await lifecycle.release();
    expect(released).toBe(true);
    expect(outcomes.map(({ name, error }) => [name, error?.message])).toEqual([
      ['throws', 'no error object'],
      ['rejects', 'lost'],
      ['first', undefined],
    ]);
  });

  test('that hang are given up after their limit', async () => {
    const lifecycle = new Lifecycle();
    lifecycle.onRelease('last', () => {});
    lifecycle.onRelease('hangs', () => new Promise(() => {}), 5);
    const [hung, last] = await lifecycle.release();
    expect(hung?.error?.message).toBe('gave up after 5 ms');
    expect(last?.error).toBeUndefined();
  });

  test('run once, however often and by whomever they are asked for', async () => {
    const lifecycle = new Lifecycle();
    let times = 0;
    lifecycle.onRelease('counted', () => times++);
    expect(lifecycle.releasing).toBe(false);
    const [one, two] = await Promise.all([lifecycle.release(), lifecycle.release()]);
    expect(lifecycle.releasing).toBe(true);
    expect(two).toBe(one);
    expect(times).toBe(1);
  });

  test('are timed by the given clock', async () => {
    const clock = manualClock();
    const lifecycle = new Lifecycle(clock);
    lifecycle.onRelease('slow', () => clock.tick(40));
    expect(await lifecycle.release()).toEqual([{ name: 'slow', durationMs: 40 }]);
  });

  test('of what is opened while the release runs are run too', async () => {
    const lifecycle = new Lifecycle();
    let late = false;
    lifecycle.onRelease('opens another', () => lifecycle.onRelease('late', () => (late = true)));
    await lifecycle.release();
    expect(late).toBe(true);
  });
});
