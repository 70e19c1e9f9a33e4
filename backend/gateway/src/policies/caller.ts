import { isIPv6 } from 'node:net';

/**
 * Who is counted as one caller: an IPv4 address, or the network of 64 bits that one IPv6 subscriber is given (RFC 6177).
 * By single addresses of it he would have a new allowance, and the gateway a new counter, with every request.
 *
 * @example
 * callerOf('2001:db8::1:2') // '2001:db8:0:0'
 */
export function callerOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.toLowerCase().split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  // an address that ends as IPv4 has one part less: those are the last two of eight
  const missing = tail === undefined ? 0 : 8 - before.length - after.length - (address.includes('.') ? 1 : 0);
  const groups = [...before, ...Array<string>(missing).fill('0'), ...after];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
