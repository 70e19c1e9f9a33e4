import { describe, expect, test } from '@jest/globals';
import { normalisePath } from '../src/routing/normalise.ts';

describe('a request path has one form', () => {
  test.each([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/', '/a/'],
    ['//a///b', '/a/b'],
    ['/a/./b', '/a/b'],
    ['/a/b/..', '/a/'],
    ['/a/../../b', '/b'],
    ['/%7Euser/%41', '/~user/A'],
    ['/a/%2e%2E/b', '/b'],
    ['/a%2fb', '/a%2Fb'],
    ['/a%c3%a9', '/a%C3%A9'],
    ['/a;v=1/b', '/a;v=1/b'],
    ['/a/...', '/a/...'],
    ["/!$&'()*+,;=:@", "/!$&'()*+,;=:@"],
  ])('%s is matched and forwarded as %s', (raw, path) => {
    expect(normalisePath(raw)).toEqual({ path });
  });

  test('normalising twice changes nothing more', () => {
    for (const raw of ['/a//b/./c/../%7e', '/%2f/%2F', '/x/..//y/', '/a%20b']) {
      const once = normalisePath(raw);
      expect('path' in once && normalisePath(once.path)).toEqual(once);
    }
  });

  test.each([
    ['a/b', 'start'],
    ['*', 'start'],
    ['/a%zz', 'broken escape'],
    ['/a%', 'broken escape'],
    ['/a%00', 'control'],
    ['/a%0d%0a', 'control'],
    ['/a\\b', 'backslash'],
    ['/a#b', 'backslash'],
    ['/é', 'must be escaped'],
    ['/a b', 'must be escaped'],
    ['/a/..%2fb', 'disguised'],
    ['/a/..;/b', 'disguised'],
    ['/a/.;x=1/b', 'disguised'],
    ['/a/%252e%252e/b', 'disguised'],
    ['/a/..%5cb', 'disguised'],
    ['/a/%2e%2e%2f%2e%2e/b', 'disguised'],
  ])('%s is refused', (raw, why) => {
    expect(normalisePath(raw)).toEqual({ problem: expect.stringContaining(why) });
  });

  test('no random path keeps a dot segment, an empty segment or an escape of an unreserved character', () => {
    const alphabet = ['/', '.', '..', '%2e', '%2F', '%25', 'a', ';', '~', '%7e', '%41', '//'];
    let seed = 7;
    const next = () => (seed = (seed * 48271) % 2147483647);
    for (let round = 0; round < 20_000; round++) {
      const raw = '/' + Array.from({ length: next() % 9 }, () => alphabet[next() % alphabet.length]).join('');
      const normal = normalisePath(raw);
      if (!('path' in normal)) continue;
      expect(normal.path).not.toMatch(/\/\.{1,2}(?:\/|$)|\/\/|%(?:2e|7e|41)/i);
    }
  });
});
