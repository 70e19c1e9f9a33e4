/** What one proxy told of whom it was asked by. */
export interface ForwardedElement {
  readonly for: string | undefined;
  readonly host: string | undefined;
  readonly proto: string | undefined;
}

/** More proxies than any request passes. */
const MAX_ELEMENTS = 32;
/** One parameter: a token, `=`, and a token or a quoted string. */
const PAIR = /^\s*([!#$%&'*+.^_`|~\w-]+)=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)")\s*(?:;|$)/;
const ELEMENT_END = /^(?:[^",]|"(?:[^"\\]|\\.)*")*/;

/**
 * Reads a `Forwarded` field: the elements in order, the nearest proxy's last. What stands before something unreadable is
 * left out, since it may be invented.
 *
 * Source: RFC 7239, 4.
 *
 * @example
 * readForwarded('for=192.0.2.60;proto=https, for="[2001:db8::1]:4711"')[1]?.for // '2001:db8::1'
 */
export function readForwarded(field: string): ForwardedElement[] {
  const elements: ForwardedElement[] = [];
  for (const text of splitElements(field).slice(-MAX_ELEMENTS)) {
    const element = readElement(text);
    if (element === undefined) elements.length = 0;
    else elements.push(element);
  }
  return elements;
}

function splitElements(field: string): string[] {
  const parts: string[] = [];
  for (let rest = field; ;) {
    const part = ELEMENT_END.exec(rest)?.[0] ?? '';
    parts.push(part);
    if (part.length >= rest.length) return parts;
    rest = rest.slice(part.length + 1);
  }
}

function readElement(text: string): ForwardedElement | undefined {
  const pairs = new Map<string, string>();
  for (let rest = text.trim(); rest !== '';) {
    const match = PAIR.exec(rest);
    if (!match) return undefined;
    const [whole, name = '', token, quoted = ''] = match;
    pairs.set(name.toLowerCase(), token ?? quoted.replace(/\\(.)/g, '$1'));
    rest = rest.slice(whole.length);
  }
  const node = pairs.get('for');
  return { for: node === undefined ? undefined : addressOf(node), host: pairs.get('host'), proto: pairs.get('proto') };
}

/** The address of a node: without port, and without the brackets of IPv6. */
function addressOf(node: string): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::[\w.-]+)?$/.exec(node);
  return match?.[1] ?? match?.[2] ?? node;
}

/** Addresses, a host and a scheme as a `Forwarded` field, the nearest last: host and scheme are of the last hop. */
export function formatForwarded(addresses: readonly string[], host: string, proto: string): string {
  const hops = addresses.map((address) => `for=${formatNode(address)}`);
  const facts = host === '' ? `proto=${proto}` : `host=${quote(host)};proto=${proto}`;
  return `${hops.join(', ')};${facts}`;
}

function formatNode(address: string): string {
  return address.includes(':') ? `"[${address}]"` : quote(address);
}

function quote(value: string): string {
  return /^[\w.-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}
