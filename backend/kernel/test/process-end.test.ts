import { describe, expect, test } from '@jest/globals';
import { EventEmitter, once } from 'node:events';
import { endInOrder, type EndableProcess, type EndCause } from '../src/index.ts';

/** A process that can be told to end, and says with what. */
function fakeProcess(connected = false) {
  const target = Object.assign(new EventEmitter(), {
    connected,
    exits: [] as number[],
    exit(code: number) {
      target.exits.push(code);
      target.emit('exited');
    },
  });
  return target;
}

function supervised(stop: (cause: EndCause) => Promise<unknown> = () => Promise.resolve(), connected = false) {
  const target = fakeProcess(connected);
  const fatal: unknown[] = [];
  const causes: EndCause[] = [];
  endInOrder(target as unknown as EndableProcess, {
    stop: (cause) => {
      causes.push(cause);
      return stop(cause);
    },
    onFatal: (error) => fatal.push(error),
  });
  return { target, fatal, causes };
}

describe('the end of a process', () => {
  test.each(['SIGTERM', 'SIGINT'])('by %s drains it and exits with 0', async (signal) => {
    const { target, causes } = supervised();
    target.emit(signal);
    await once(target, 'exited');
    expect([causes, target.exits]).toEqual([[signal], [0]]);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ])('comes at once with a second signal, %s', (signal, code) => {
    const { target } = supervised(() => new Promise(() => {}));
    target.emit('SIGTERM');
    target.emit(signal);
    expect(target.exits).toEqual([code]);
  });

  test.each(['uncaughtException', 'unhandledRejection'])(
    'by an %s is reported, drained, and exits with 1',
    async (event) => {
      const { target, fatal, causes } = supervised();
      const error = new Error('a bug');
      target.emit(event, error);
      await once(target, 'exited');
      expect([fatal, causes, target.exits]).toEqual([[error], ['fatal'], [1]]);
    },
  );

  test('follows that of its supervisor, when it has one', async () => {
    const { target, causes } = supervised(undefined, true);
    target.emit('disconnect');
    await once(target, 'exited');
    expect([causes, target.exits[0]]).toEqual([['disconnect'], 0]);
    expect(supervised().target.listenerCount('disconnect')).toBe(0);
  });

  test('that cannot be drained is reported and exits with 1', async () => {
    const { target, fatal } = supervised(() => Promise.reject(new Error('stuck')));
    target.emit('SIGTERM');
    await once(target, 'exited');
    expect(fatal).toMatchObject([{ message: 'stuck' }]);
    expect(target.exits[0]).toBe(1);
  });

  test('begins once, whatever else goes wrong on the way', async () => {
    const { target, causes } = supervised();
    target.emit('SIGTERM');
    target.emit('uncaughtException', new Error('late'));
    await once(target, 'exited');
    expect(causes).toEqual(['SIGTERM']);
  });
});
