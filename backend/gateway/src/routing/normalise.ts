/** A normalised path, or why the path is refused. */
export type NormalisedPath = { readonly path: string } | { readonly problem: string };

/** Paths that are in normal form already: nothing to decode, no dot segment, no empty segment. */
const NORMAL = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+\/?$|^\/$/;
/** What may stand in a path (RFC 3986, 3.3), with what browsers leave unescaped. */
const ALLOWED = /^[\x21-\x7e]*$/;
const FORBIDDEN = /[\\#?]|%(?![0-9A-Fa-f]{2})|%[01][0-9A-Fa-f]|%7[Ff]/;

/**
 * Brings a request path into the one form in which it is matched and forwarded, so that the upstream cannot see
 * another path than the one that was decided on.
 *
 * Escapes of unreserved characters are decoded and others written in upper case (RFC 3986, 6.2.2.1 and 6.2.2.2),
 * empty segments are joined, dot segments are removed (5.2.4). `%2F` stays an escape and never separates segments.
 * Refused: control characters, broken escapes, backslashes, and segments that would become a dot segment if an
 * upstream decoded them again or stripped a `;parameter`.
 *
 * @param raw the path as received, without query
 * @example
 * normalisePath('/a/./b//c/%7Ed/../e') // { path: '/a/b/c/e' }
 */
export function normalisePath(raw: string): NormalisedPath {
  if (NORMAL.test(raw) && !raw.includes(';')) return { path: raw };
  if (!raw.startsWith('/')) return { problem: "the path must start with '/'" };
  if (!ALLOWED.test(raw)) return { problem: 'the path contains a character that must be escaped' };
  if (FORBIDDEN.test(raw)) return { problem: 'the path contains a backslash, a control character or a broken escape' };
  const decoded = raw.replace(/%[0-9A-Fa-f]{2}/g, normaliseEscape);
  const kept: string[] = [];
  const parts = decoded.split('/').slice(1);
  for (const [i, part] of parts.entries()) {
    const isLast = i === parts.length - 1;
    if (part === '' || part === '.') {
      if (isLast) kept.push('');
    } else if (part === '..') {
      kept.pop();
      if (isLast) kept.push('');
    } else {
      if (hidesDotSegment(part)) return { problem: 'the path contains a disguised dot segment' };
      kept.push(part);
    }
  }
  return { path: `/${kept.join('/')}`.replace(/\/{2,}/g, '/') };
}

function normaliseEscape(escape: string): string {
  const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
  return /[A-Za-z0-9._~-]/.test(character) ? character : escape.toUpperCase();
}

/** `..%2F`, `..;x` and `%252e%252e`: harmless here, a way upwards for an upstream that decodes once more. */
function hidesDotSegment(part: string): boolean {
  if (!/[%;.]/.test(part)) return false;
  let text = part;
  for (let round = 0; round < 3; round++) {
    if (text.split(/[/\\]/).some((piece) => /^\.{1,2}(?:;.*)?$/.test(piece))) return true;
    const next = text.replace(/%[0-9A-Fa-f]{2}/g, (escape) =>
      String.fromCharCode(Number.parseInt(escape.slice(1), 16)),
    );
    if (next === text) return false;
    text = next;
  }
  return false;
}
