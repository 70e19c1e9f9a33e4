import { describe, expect, test } from '@jest/globals';
import { isSecretName, scrub, scrubValue } from '@clearway/telemetry';
import { isSuspiciousPath, scrubPath } from '../src/redaction/scrub.ts';
import { pick, seeded } from './support/generated-records.ts';

const JWT =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';
const HEX = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

describe('removes', () => {
  test.each([
    ['a bearer token', 'authorization failed: Bearer abc.def-123', 'abc.def-123'],
    ['basic credentials', 'sent Basic dXNlcjpwYXNz', 'dXNlcjpwYXNz'],
    ['a JWT', `token was ${JWT}`, 'dozjgNryP4J3jVmNHl0w5N'],
    ['a JWT that was cut', `token was ${JWT.slice(0, 60)}`, 'eyJzdWIi'],
    ['a JWT behind other names', `/www.example-of-a-name.x_${JWT}`, 'eyJzdWIi'],
    ['long hex', `digest ${HEX}!`, HEX],
    ['long base64', 'key wJalrXUtnFEMI+K7MDENGbPxRfiCYEXAMPLEKEY123=', 'wJalrXUtnFEMI'],
    ['credentials in a URL', 'redis://:hunter2@cache:6379 refused', 'hunter2'],
    ['user and password in a URL', 'postgresql://app:p%40ss@db/app', 'p%40ss'],
    ['password=…', 'login with password=hunter2 failed', 'hunter2'],
    ['"api_key": "…"', '{"api_key":"abc","page":1}', 'abc'],
    ['a token in a query', '/callback?access_token=zzz&page=2', 'zzz'],
    ['a quoted secret with spaces', "client_secret: 'a b c'", 'a b c'],
    ['a key of a known service', 'using sk_live_abcdefgh1234', 'sk_live_abcdefgh1234'],
    ['an AWS key id', 'AKIAIOSFODNN7EXAMPLE denied', 'AKIAIOSFODNN7EXAMPLE'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----', 'MIIE'],
  ])('%s', (_what, text, secret) => {
    expect(scrub(text)).not.toContain(secret);
    expect(scrub(text)).toContain('[hidden]');
  });
});

describe('leaves', () => {
  test.each([
    'trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7',
    'playlist 123e4567-e89b-42d3-a456-426614174000 is empty',
    'connect ECONNREFUSED 127.0.0.1:4000',
    'GET /v1/tracks/42?page=2',
    'at handleSomethingVeryLongThatIsNoSecretAtAll (backend/telemetry/src/start.ts:10:5)',
    'the-kebab-case-name-of-a-very-long-thing',
    'http://user.example.com/path',
  ])('%s', (text) => expect(scrub(text)).toBe(text));
});

test('cuts a text of any length in time that grows with its length', () => {
  const before = process.cpuUsage();
  expect(scrub('a'.repeat(5_000_000)).length).toBeLessThan(20_000);
  expect(scrub('token'.repeat(1_000_000)).length).toBeLessThan(20_000);
  expect(scrub('://'.repeat(1_000_000)).length).toBeLessThan(60_000);
  for (let i = 0; i < 10; i++) expect(scrubPath(`/${'eyJ'.repeat(6000)}`)).toContain('eyJ');
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(2000);
});

test('hides a token that stands in a path, and leaves other paths alone', () => {
  expect(scrubPath(`/reset/${JWT}`)).toBe('/reset/[hidden]');
  expect(scrubPath('/v1/tracks/123e4567-e89b-42d3-a456-426614174000')).toContain('123e4567');
  expect(scrubPath('/v1/tracks/7')).toBe('/v1/tracks/7');
});

test('takes a path for suspicious as its pattern does', () => {
  const suspicious = /[A-Za-z0-9+_=.-]{20}|[:=]|Bearer/i;
  const random = seeded(15);
  const parts = [
    '/',
    'v1',
    'Bearer ',
    'bEARER',
    'bear',
    'B',
    'a'.repeat(18),
    '9_',
    '-',
    'ü',
    '\u212a',
    '=',
    ':',
    '%20',
    '+.',
  ];
  for (let round = 0; round < 3000; round++) {
    const path = Array.from({ length: 1 + Math.floor(random() * 6) }, () => pick(random, parts)).join('');
    expect([path, isSuspiciousPath(path)]).toEqual([path, suspicious.test(path)]);
  }
});

describe('a value', () => {
  test('is scrubbed at any depth, and the values of secret names are hidden', () => {
    const value = { user: { password: 'x', note: 'Bearer abcdefgh' }, list: [{ apiKey: 1 }], count: 3, none: null };
    expect(scrubValue(value)).toEqual({
      user: { password: '[hidden]', note: 'Bearer [hidden]' },
      list: [{ apiKey: '[hidden]' }],
      count: 3,
      none: null,
    });
  });

  test('may refer to itself', () => {
    const value: Record<string, unknown> = {};
    value.self = value;
    expect(JSON.stringify(scrubValue(value))).toContain('[too deep]');
  });

  test('may hold errors and dates', () => {
    const at = new Date(0);
    const error = new Error('password=hunter2');
    expect(scrubValue({ error, at })).toEqual({ error: expect.not.stringContaining('hunter2') as unknown, at });
  });
});

test.each([
  ['password', true],
  ['X-Api-Key', true],
  ['clientSecret', true],
  ['Set-Cookie', true],
  ['SENTRY_DSN', false],
  ['dsn', true],
  ['trace_id', false],
  ['tokenCount', false],
  ['passenger', false],
  ['author', false],
])('the name %s is secret: %s', (name, secret) => expect(isSecretName(name)).toBe(secret));
