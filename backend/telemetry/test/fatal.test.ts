import { EventEmitter, once } from 'node:events';
import { afterEach, expect, jest, test } from '@jest/globals';
import { onFatalError, type FatalOptions } from '@clearway/telemetry';

let remove: () => void = () => {};
afterEach(() => remove());

/** Owns the handlers of this process alone, so that jest's own do not see the errors. */
function setUp(options: Partial<FatalOptions> = {}) {
  const steps: string[] = [];
  const ended = new EventEmitter();
  const others = ['uncaughtException', 'unhandledRejection'].flatMap((name) =>
    process.listeners(name as 'uncaughtException').map((listener) => [name, listener] as const),
  );
  for (const [name, listener] of others) process.off(name, listener);
  const restore = onFatalError({
    logger: { error: jest.fn(() => steps.push('logged')) as never },
    errors: { captureFatal: () => steps.push('reported') },
    drain: () => {
      steps.push('drained');
      return Promise.resolve();
    },
    exit: (code) => {
      steps.push(`exit ${code}`);
      ended.emit('exit');
    },
    ...options,
  });
  remove = () => {
    restore();
    for (const [name, listener] of others) process.on(name, listener);
  };
  return { steps, exited: once(ended, 'exit') };
}

test.each(['uncaughtException', 'unhandledRejection'])('%s: logged, reported, drained, then exit 1', async (origin) => {
  const { steps, exited } = setUp();
  process.emit(origin as 'uncaughtException', new Error('the end'));
  await exited;
  expect(steps).toEqual(['logged', 'reported', 'drained', 'exit 1']);
});

test('a drain that hangs does not keep the process', async () => {
  const { steps, exited } = setUp({ drain: () => new Promise(() => {}), limitMs: 20 });
  process.emit('uncaughtException', new Error('the end'));
  await exited;
  expect(steps).toEqual(['logged', 'reported', 'exit 1']);
});

test('a drain that fails ends the process all the same, and so does a second error', async () => {
  const { steps, exited } = setUp({ drain: () => Promise.reject(new Error('no')) });
  process.emit('uncaughtException', new Error('the end'));
  process.emit('uncaughtException', new Error('another'));
  await exited;
  expect(steps.slice(0, 3)).toEqual(['logged', 'reported', 'exit 1']);
});
