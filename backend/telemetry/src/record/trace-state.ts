/** Source: W3C Trace Context, 3.3.1.1 and 3.3.1.5. */
const MAX_MEMBERS = 32;
/** So many characters must be passed on at least; what is longer is shortened to it. */
const MAX_CHARACTERS = 512;
/** Longer members go first when the whole is too long. */
const LONG_MEMBER_CHARACTERS = 128;
/** A stranger's list is not read beyond this. */
const MAX_READ_CHARACTERS = 8192;

/** Source: W3C Trace Context, 3.3.1.3.1 (key, with an optional system behind `@`) and 3.3.1.3.2 (value). */
const MEMBER =
  /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * Reads a `tracestate`, all its header fields joined by commas. Undefined when it is absent, empty or breaks the rules
 * anywhere: then the whole of it is dropped, and the `traceparent` beside it still counts. One that is too long is
 * shortened by whole members: the long ones first, then the last ones.
 *
 * Source: W3C Trace Context, 3.3.
 *
 * @example
 * parseTraceState('rojo=00f067aa0ba902b7, congo=t61rcWkgMzE') // 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'
 */
export function parseTraceState(header: string | undefined): string | undefined {
  if (header === undefined || header === '' || header.length > MAX_READ_CHARACTERS) return undefined;
  const keys = new Set<string>();
  const members: string[] = [];
  for (const part of header.split(',')) {
    const member = part.replace(/^[ \t]+|[ \t]+$/g, '');
    if (member === '') continue;
    const key = member.slice(0, member.indexOf('='));
    if (members.length === MAX_MEMBERS || keys.has(key) || !MEMBER.test(member)) return undefined;
    keys.add(key);
    members.push(member);
  }
  return shortened(members).join(',') || undefined;
}

function shortened(members: string[]): string[] {
  const left = [...members];
  const tooLong = (): boolean => left.reduce((sum, { length }) => sum + length + 1, -1) > MAX_CHARACTERS;
  for (let i = left.length - 1; i >= 0 && tooLong(); i--) {
    if ((left[i]?.length ?? 0) > LONG_MEMBER_CHARACTERS) left.splice(i, 1);
  }
  while (tooLong()) left.pop();
  return left;
}
