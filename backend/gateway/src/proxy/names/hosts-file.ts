import { readFile } from 'node:fs/promises';
import { isIPv6, isIP, SocketAddress } from 'node:net';
import path from 'node:path';

const HOSTS_FILE =
  process.platform === 'win32' ? path.join('C:\\Windows', 'System32', 'drivers', 'etc', 'hosts') : '/etc/hosts';

/** Names that the machine gives addresses to by itself. Source: RFC 6761, 6.3. */
const LOCALHOST = /^(?:.+\.)?localhost\.?$/i;

/**
 * The addresses that this machine itself gives a name, in the order of its file; a name that stands there is not asked
 * for elsewhere. Empty for all others.
 *
 * @param file another file than the system's
 */
export async function hostsAddresses(name: string, file = HOSTS_FILE): Promise<string[]> {
  const wanted = name.toLowerCase();
  const text = await readFile(file, 'utf8').catch(() => '');
  const found = text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*$/, '').trim().split(/\s+/);
    return isIP(address) !== 0 && names.some((each) => each.toLowerCase() === wanted) ? [canonical(address)] : [];
  });
  if (found.length > 0) return found;
  return LOCALHOST.test(name) ? ['127.0.0.1', '::1'] : [];
}

/** As the address of a connection is written. */
function canonical(address: string): string {
  return new SocketAddress({ address, family: isIPv6(address) ? 'ipv6' : 'ipv4' }).address;
}
