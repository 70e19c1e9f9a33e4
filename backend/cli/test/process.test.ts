import { describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { colourStyle, safe, wantsColour } from '../src/terminal/style.ts';

const SCRIPT = path.join(import.meta.dirname, '../bin/clearway.js');

/** Runs the real command in a folder of its own. */
async function command(
  args: readonly string[],
  options: { files?: Record<string, string>; variables?: object; node?: string[] } = {},
) {
  const directory = mkdtempSync(path.join(tmpdir(), 'clearway-cli-'));
  for (const [name, content] of Object.entries(options.files ?? {})) writeFileSync(path.join(directory, name), content);
  try {
    const child = spawn(process.execPath, [...(options.node ?? []), SCRIPT, ...args], {
      cwd: directory,
      env: { ...process.env, NO_COLOR: '', FORCE_COLOR: '', ...options.variables },
    });
    const [out, error, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code: code as number, out, error };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe('the real command', () => {
  test('runs from a clone, reads .env, and writes no colours into a pipe', async () => {
    const files = {
      'clearway.yaml': 'version: 1\nchecks: [{ id: music, url: env:MUSIC_URL }]\n',
      '.env': 'MUSIC_URL=https://music.test\n',
    };
    const { code, out } = await command(['check'], { files });
    expect(out).toContain('ok  clearway.yaml: 0 routes, 0 upstreams, 1 check');
    expect(out).not.toContain('\u001b');
    expect(code).toBe(0);
  });

  test('writes colours when they are asked for, problems to stderr, and exits with 78', async () => {
    const good = await command(['check'], {
      files: { 'clearway.yaml': 'version: 1\n' },
      variables: { FORCE_COLOR: '1' },
    });
    expect(good.out).toContain('\u001b[32mok');
    const bad = await command(['check']);
    expect([bad.code, bad.out]).toEqual([78, '']);
    expect(bad.error).toContain('clearway.yaml (file): does not exist');
  });

  test('exits with 64 when it does not understand', async () => {
    expect((await command(['nothing'])).code).toBe(64);
  });

  test('refuses an old Node in one clear line', async () => {
    const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } })`;
    const { code, out, error } = await command(['check'], {
      node: ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`],
    });
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(error.trim().split('\n')).toEqual([expect.stringContaining('clearway needs Node 24 or newer')]);
  });
});

describe('colours', () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { TERM: 'dumb' }, false],
  ])('on a terminal: %s, with %j: %s', (isTTY, variables, wanted) => {
    expect(wantsColour({ isTTY }, variables)).toBe(wanted);
  });

  test('are those of the terminal', () => {
    expect(colourStyle('red', 'x')).toBe('\u001b[31mx\u001b[39m');
  });

  test('never come from what is shown', () => {
    expect(safe('a\u001b[31mb\nc\u0007\u202ed\u2028e')).toBe('ab c d e');
  });
});
