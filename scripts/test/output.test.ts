import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { createOutput, isOnlyInformation } from '../stack/output.ts';

function outputTo({ isTTY = false, verbose = false } = {}) {
  let written = '';
  const stream = { isTTY, write: (text: string) => (written += text) };
  const output = createOutput(stream as unknown as NodeJS.WriteStream, { verbose });
  /** What was written since the last look. */
  const text = () => {
    const [seen] = [written, (written = '')];
    return seen;
  };
  return { output, text };
}
const info = '{"timestamp":"2026-01-01T00:00:00.000Z","level":"info","message":"listening"}';
const warning = '{"timestamp":"2026-01-01T00:00:00.000Z","level":"warn","message":"slow"}';

describe('what a start writes', () => {
  test('steps are plain lines when it is not a terminal', async () => {
    const { output, text } = outputTo();
    await output.step(
      'Build',
      () => Promise.resolve(3),
      (count) => `${count} packages`,
    );
    expect(text()).toMatch(/^Build …\n {2}✓ Build: 3 packages \d+\.\d s\n$/);
  });

  test('a step that fails is marked, and its error passed on', async () => {
    const { output, text } = outputTo();
    await expect(output.step('Build', () => Promise.reject(new Error('type error')))).rejects.toThrow('type error');
    expect(text()).toContain('✗ Build');
  });

  test('on a terminal a line of a process does not tear the running step', async () => {
    const { output, text } = outputTo({ isTTY: true });
    await output.step('Start', () => Promise.resolve(output.childLine('worker', warning, 'stdout')));
    const lines = stripVTControlCharacters(text()).split(/[\r\n]+/);
    expect(lines).toEqual(['  … Start', `worker   │ ${warning}`, '  … Start', expect.stringMatching(/✓ Start/), '']);
  });

  test('while processes start, only what matters is shown; then everything', () => {
    const { output, text } = outputTo();
    output.childLine('worker', info, 'stdout');
    output.childLine('worker', warning, 'stdout');
    output.childLine('worker', 'Error: at line 1', 'stderr');
    expect(text()).toBe(`worker   │ ${warning}\nworker   │ Error: at line 1\n`);
    output.showAllLines();
    output.childLine('gateway', info, 'stdout');
    expect(text()).toBe(`gateway  │ ${info}\n`);
  });

  test.each([
    [info, true],
    ['12:30:01.123 info  gateway listening', true],
    ['\u001b[2m12:30:01.123\u001b[22m \u001b[32mINFO\u001b[39m listening', true],
    [warning, false],
    ['12:30:01.123 ERROR it broke', false],
    ['    at Object.<anonymous> (file.ts:1:1)', false],
  ])('%s only informs: %s', (line, expected) => {
    expect(isOnlyInformation(line)).toBe(expected);
  });
});
