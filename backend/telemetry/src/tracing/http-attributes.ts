/** Methods of RFC 9110 and RFC 5789, which OpenTelemetry's HTTP conventions name as known. */
const KNOWN_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
]);

/** Whether a method may stand in a span name or a metric label; any other is folded, since anyone can invent one. */
export function isKnownMethod(method: string): boolean {
  return KNOWN_METHODS.has(method);
}

/** The method as a label: `_OTHER` for an unknown one. */
export function foldMethod(method: string): string {
  return KNOWN_METHODS.has(method) ? method : '_OTHER';
}

/** Host and port of a `host` header or of a URL's authority. */
export interface Authority {
  readonly address: string;
  readonly port: number | undefined;
}

/** Splits `name:port`; brackets of an IPv6 address are dropped, as the conventions ask. */
export function splitAuthority(authority: string): Authority {
  const colon = authority.lastIndexOf(':');
  const bracket = authority.lastIndexOf(']');
  const port = colon > bracket ? Number(authority.slice(colon + 1)) : Number.NaN;
  const name = colon > bracket ? authority.slice(0, colon) : authority;
  return {
    address: bracket > 0 ? name.slice(1, -1) : name,
    port: Number.isInteger(port) && port > 0 ? port : undefined,
  };
}

const MAX_AUTHORITIES = 1000;
const authorities = new Map<string, Authority>();

/** Of a `host` header or an origin; remembered, since a gateway sees few of them again and again. */
export function authorityOf(text: string): Authority {
  let known = authorities.get(text);
  if (known === undefined) {
    known = parseAuthority(text);
    if (authorities.size >= MAX_AUTHORITIES) authorities.clear();
    authorities.set(text, known);
  }
  return known;
}

function parseAuthority(text: string): Authority {
  const origin = text.includes('://') ? URL.parse(text) : null;
  if (origin === null) return splitAuthority(text);
  const { address, port } = splitAuthority(origin.host);
  return { address, port: port ?? (origin.protocol === 'https:' ? 443 : 80) };
}

const MAX_QUERY_LENGTH = 2048;

/**
 * A query with its names but without its values; a part without `=` counts as a value.
 *
 * @example
 * redactQuery('token=abc&page=2') // 'token=REDACTED&page=REDACTED'
 */
export function redactQuery(query: string): string {
  return query
    .slice(0, MAX_QUERY_LENGTH)
    .split('&')
    .map((part) => {
      const equals = part.indexOf('=');
      return equals < 0 ? 'REDACTED' : `${part.slice(0, equals)}=REDACTED`;
    })
    .join('&');
}
