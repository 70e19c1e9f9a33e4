/** Fields that concern one connection only (RFC 9110, 7.6.1), in lower case. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Whether a field must not be passed on.
 *
 * @param name in lower case
 * @param nominated names that the message's own `Connection` field gave, in lower case
 */
export function isHopByHop(name: string, nominated: ReadonlySet<string> | undefined): boolean {
  return HOP_BY_HOP.has(name) || (nominated?.has(name) ?? false);
}

/** Fields that `Connection` may not take away: the message would change its meaning. */
const PROTECTED: ReadonlySet<string> = new Set(['host', 'content-length', 'content-type', 'authorization', 'cookie']);

/** The names that a `Connection` field nominates; undefined for the usual `keep-alive` and `close`. */
export function nominatedByConnection(value: string | undefined): ReadonlySet<string> | undefined {
  if (value === undefined || value === 'keep-alive' || value === 'close') return undefined;
  const names = value.split(',').map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => !PROTECTED.has(name)));
}

const lowerCase = new Map<string, string>();
const KEPT_NAMES = 2000;

/** A field name in lower case; remembered, since the same few come with every request. */
export function lowerName(name: string): string {
  const known = lowerCase.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (lowerCase.size < KEPT_NAMES && name.length <= 64) lowerCase.set(name, lower);
  return lower;
}
