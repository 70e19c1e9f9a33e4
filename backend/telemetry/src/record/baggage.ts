/** Source: W3C Baggage, 3.3.2: as much must be passed on; beyond it members may be dropped, but only whole ones. */
const MAX_MEMBERS = 64;
const MAX_BYTES = 8192;

/** `key = value ; property ; property = value`, with optional white space. Source: W3C Baggage, 3.3.1. */
const TOKEN = String.raw`[!#$%&'*+.^_\x60|~0-9A-Za-z-]+`;
const VALUE = String.raw`[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*`;
const MEMBER = new RegExp(
  String.raw`^${TOKEN}[ \t]*=[ \t]*${VALUE}(?:[ \t]*;[ \t]*${TOKEN}(?:[ \t]*=[ \t]*${VALUE})?)*$`,
);

/**
 * The part of a `baggage` that may be passed on: its members in their order, without those that break the grammar and
 * without those that would pass 64 members or 8192 bytes. Undefined when nothing is left.
 *
 * Source: W3C Baggage, 3.3.
 *
 * @param header all its header fields, joined by commas
 * @example
 * limitBaggage('userId=alice, broken, region=eu') // 'userId=alice,region=eu'
 */
export function limitBaggage(header: string): string | undefined {
  const members: string[] = [];
  let sizeBytes = -1;
  for (const part of header.split(',', MAX_BYTES)) {
    const member = part.trim();
    // header fields are latin1: a character is a byte, and the grammar allows ASCII only
    if (!MEMBER.test(member) || sizeBytes + 1 + member.length > MAX_BYTES) continue;
    sizeBytes += 1 + member.length;
    members.push(member);
    if (members.length === MAX_MEMBERS) break;
  }
  return members.join(',') || undefined;
}
