import { expect, test } from '@jest/globals';
import { contains, createNetworks, isNetwork } from '../src/pipeline/networks.ts';

test.each(['loopback', 'private', 'any', '10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '::1', 'fd00::/8', '2001:db8::/128'])(
  '%s is an entry of a list of networks',
  (entry) => {
    expect(isNetwork(entry)).toBe(true);
    expect(() => createNetworks([entry])).not.toThrow();
  },
);

test.each([
  '',
  '10',
  '10.0.0.0/33',
  'fd00::/129',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  '10.0.0.0/-1',
  'localhost',
  '10.0.0.0/0x8',
])('%j is none: it is refused with the configuration, not when it is used', (entry) => {
  expect(isNetwork(entry)).toBe(false);
});

test('a list holds what lies in its networks, of either family', () => {
  const networks = createNetworks(['private', '203.0.113.0/24', '2001:db8::/32']);
  const inside = ['10.1.2.3', '203.0.113.9', '2001:db8::5', 'fd12::1', '192.168.1.1'];
  const outside = ['127.0.0.1', '203.0.114.1', '2001:db9::1', '::1'];
  expect(inside.filter((address) => !contains(networks, address))).toEqual([]);
  expect(outside.filter((address) => contains(networks, address))).toEqual([]);
});
