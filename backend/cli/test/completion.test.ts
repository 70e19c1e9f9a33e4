import { describe, expect, test } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { clearway } from './support/context.ts';

async function script(shell: string): Promise<string> {
  const { code, out } = await clearway(['completion', shell]);
  expect(code).toBe(0);
  return out;
}

/** What bash would offer for the words of a command line, the last one being completed. */
function offered(source: string, ...words: string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  const run = `${source}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _clearway; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', run], { encoding: 'utf8' }).split('\n').filter(Boolean);
}

describe('clearway completion', () => {
  test('makes bash complete commands, options and words', async () => {
    const bash = await script('bash');
    expect(offered(bash, 'clearway', 'ch')).toEqual(['check']);
    expect(offered(bash, 'clearway', 'routes', '--m')).toEqual(['--match']);
    expect(offered(bash, 'clearway', 'completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
  });

  test('makes bash complete files where a file is wanted, and nothing where a value is', async () => {
    const bash = await script('bash');
    expect(offered(bash, 'clearway', 'check', 'packag')).toContain('package.json');
    expect(offered(bash, 'clearway', 'routes', '--file', 'packag')).toContain('package.json');
    expect(offered(bash, 'clearway', 'routes', '--match', '')).toEqual([]);
  });

  test.each(['zsh', 'fish'])('names every command and option for %s', async (shell) => {
    const text = await script(shell);
    for (const word of ['check', 'routes', 'explain', 'doctor', 'completion', 'json', 'match', 'wait']) {
      expect(text).toContain(word);
    }
    if (spawnSync(shell, ['--version']).status !== 0) return; // not on this machine
    expect(spawnSync(shell, ['-n'], { input: text })).toMatchObject({ status: 0 });
  });

  test('refuses a shell that it does not know', async () => {
    const { code, error } = await clearway(['completion', 'csh']);
    expect(code).toBe(64);
    expect(error).toContain('Allowed choices are bash, zsh, fish');
  });
});
