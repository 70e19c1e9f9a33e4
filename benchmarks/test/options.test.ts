import { describe, expect, test } from '@jest/globals';
import { readOptions, SERVERS, sizeBytes, USAGE } from '../overhead/options.ts';

describe('the command line', () => {
  test('measures everything by default, in less than three minutes', () => {
    const options = readOptions([]);
    expect(options.servers).toEqual(SERVERS);
    const seconds = options.servers.length * (options.warmUpSeconds + options.slices * options.sliceSeconds);
    expect(seconds).toBeLessThan(150);
  });

  test.each([
    [['--slices', '0'], '--slices'],
    [['--slices', '2.5'], 'whole number'],
    [['--seconds', ''], '--seconds'],
    [['--only', 'bare,nginx'], "'nginx' is none of"],
    [['--only', 'baseline-on'], 'none of'],
    [['--body', '1GB'], '--body'],
    [['--generator', 'ab'], '--generator'],
    [['--baseline-variable', 'flight=false'], '--baseline-variable'],
    [['--colour'], '--colour'],
  ])('refuses %j and says which option is wrong', (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });

  test('adds the gateway of another checkout', () => {
    expect(readOptions(['--baseline', '../old']).servers).toEqual([...SERVERS, 'baseline-on', 'baseline-off']);
    expect(readOptions(['--baseline', '../old', '--only', 'bare,baseline-on']).servers).toEqual([
      'bare',
      'baseline-on',
    ]);
  });

  test('gives the baseline variables of its own', () => {
    const args = ['--baseline', '.', '--baseline-variable', 'FLIGHT_RECORDER=false', '--baseline-variable', 'A=b=c'];
    expect(readOptions(args).baselineVariables).toEqual({ FLIGHT_RECORDER: 'false', A: 'b=c' });
    expect(readOptions([]).baselineVariables).toEqual({});
  });

  test('reads sizes', () => {
    expect([sizeBytes('113'), sizeBytes('16KiB'), sizeBytes('1MiB')]).toEqual([113, 16_384, 1_048_576]);
  });

  test('explains every option', () => {
    for (const name of [
      'slices',
      'seconds',
      'warm-up',
      'connections',
      'body',
      'only',
      'generator',
      'baseline',
      'baseline-variable',
      'profile',
    ]) {
      expect(USAGE).toContain(`--${name} `);
    }
  });
});
