import { BlockList, isIP, isIPv6 } from 'node:net';

const LOOPBACK = ['127.0.0.0/8', '::1/128'];
/** RFC 1918, RFC 4193, link-local, and RFC 6598's shared space. */
const PRIVATE = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  'fc00::/7',
  'fe80::/10',
];
const ANY = ['0.0.0.0/0', '::/0'];
const NAMED: Readonly<Record<string, readonly string[]>> = { loopback: LOOPBACK, private: PRIVATE, any: ANY };

/**
 * A set of networks.
 *
 * @param entries addresses, networks in CIDR form, or `loopback`, `private`, `any`
 * @throws RangeError for an entry that is none of these
 */
export function createNetworks(entries: readonly string[]): BlockList {
  const networks = new BlockList();
  for (const entry of entries.flatMap((name) => NAMED[name] ?? [name])) {
    const [address = '', bits] = entry.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    networks.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  }
  return networks;
}

/** Whether a text is an entry of a set of networks. */
export function isNetwork(entry: string): boolean {
  const [address = '', bits, ...more] = entry.split('/');
  if (
    NAMED[entry] === undefined &&
    (isIP(address) === 0 || more.length > 0 || (bits !== undefined && !/^\d+$/.test(bits)))
  ) {
    return false;
  }
  try {
    createNetworks([entry]);
    return true;
  } catch {
    return false;
  }
}

/** Whether an address lies in the networks. */
export function contains(networks: BlockList, address: string): boolean {
  return networks.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** An address as it is compared and shown: IPv4 within IPv6 as plain IPv4, without zone. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address.replace(/%.*$/, '');
}
