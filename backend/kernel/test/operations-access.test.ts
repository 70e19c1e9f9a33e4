import { describe, expect, test } from '@jest/globals';
import { isLoopbackAddress, operationsAccess, type OperationsCaller, type OperationsToken } from '../src/index.ts';

const nobody: OperationsCaller = {
  authorization: undefined,
  host: undefined,
  origin: undefined,
  secFetchSite: undefined,
};
const from = (more: Partial<OperationsCaller>): OperationsCaller => ({ ...nobody, host: '127.0.0.1:8001', ...more });
const TOKENS: readonly OperationsToken[] = [
  { role: 'viewer', token: 'viewer-token-0123456789' },
  { role: 'operator', token: 'operator-token-0123456789' },
];

describe('without tokens', () => {
  test.each(['localhost', 'LOCALHOST:8001', '127.0.0.1', '127.8.9.1:8001', '[::1]:8001'])(
    'a caller by the name %s is an operator',
    (host) => expect(operationsAccess(from({ host }), [])).toEqual({ role: 'operator' }),
  );

  test.each([
    ['a name that a stranger made point here', { host: 'evil.test:8001' }],
    ['a name that only begins like ours', { host: '127.0.0.1.evil.test' }],
    ['a name that only ends like ours', { host: 'x.localhost' }],
    ['no name', { host: undefined }],
    ['a page of another site', { secFetchSite: 'cross-site' }],
    ['a page of another port of the same site', { secFetchSite: 'same-site' }],
    ['a form of another origin', { origin: 'http://evil.test' }],
    ['a page without an origin of its own', { origin: 'null' }],
  ])('a caller with %s is refused', (_name, more) => {
    expect(operationsAccess(from(more), [])).toMatchObject({ refused: 'auth_forbidden' });
  });

  test.each([
    ['typed the address', { secFetchSite: 'none' }],
    ['is a page of the listener itself', { secFetchSite: 'same-origin', origin: 'http://127.0.0.1:8001' }],
  ])('a caller who %s is an operator', (_name, more) => {
    expect(operationsAccess(from(more), [])).toEqual({ role: 'operator' });
  });
});

describe('with tokens', () => {
  const access = (authorization: string | undefined, tokens = TOKENS) =>
    operationsAccess(from({ authorization }), tokens);

  test('each token gives its role, from wherever and by whatever name', () => {
    expect(access('Bearer viewer-token-0123456789')).toEqual({ role: 'viewer' });
    const remote = { ...nobody, host: 'ops.example.com', secFetchSite: 'cross-site' };
    expect(operationsAccess({ ...remote, authorization: 'bearer   operator-token-0123456789' }, TOKENS)).toEqual({
      role: 'operator',
    });
  });

  test('loopback alone gives nothing', () => {
    expect(access(undefined)).toMatchObject({ refused: 'auth_missing' });
  });

  test.each(['Basic dXNlcjpwdw==', 'Bearer', 'Bearer ', 'viewer-token-0123456789'])(
    '%j presents no token',
    (header) => {
      expect(access(header)).toMatchObject({ refused: 'auth_missing' });
    },
  );

  test.each(['Bearer viewer-token-012345678', 'Bearer viewer-token-01234567890', 'Bearer VIEWER-TOKEN-0123456789'])(
    '%j is not known',
    (header) => expect(access(header)).toMatchObject({ refused: 'auth_invalid' }),
  );

  test('a token that is given both roles has the higher one, in either order', () => {
    const both: OperationsToken[] = [
      { role: 'operator', token: 'the-same-token-01234' },
      { role: 'viewer', token: 'the-same-token-01234' },
    ];
    for (const tokens of [both, both.toReversed()]) {
      expect(access('Bearer the-same-token-01234', tokens)).toEqual({ role: 'operator' });
    }
  });

  test('no refusal repeats what was presented', () => {
    expect(JSON.stringify(access('Bearer guessed-secret'))).not.toContain('guessed-secret');
  });
});

describe('loopback addresses', () => {
  test.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost', '::ffff:127.0.0.1'])(
    '%s binds only this machine',
    (address) => {
      expect(isLoopbackAddress(address)).toBe(true);
    },
  );

  test.each(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.evil.test', '128.0.0.1'])('%s is open to others', (address) => {
    expect(isLoopbackAddress(address)).toBe(false);
  });
});
