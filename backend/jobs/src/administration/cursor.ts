/** The text is no cursor that a page gave. */
export class InvalidCursor extends Error {
  override readonly name = 'InvalidCursor';
}

type Kind = 'time' | 'uuid' | 'integer' | 'text';

const LONGEST_TEXT = 100;

/** The place behind an entry in a list, as opaque text. */
export function cursorOf(...parts: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/**
 * The parts of a cursor.
 *
 * @throws {InvalidCursor} when it was not made by `cursorOf` with such parts
 */
export function readCursor(cursor: string, kinds: readonly Kind[]): (string | number)[] {
  const parts = parse(cursor);
  const fits =
    Array.isArray(parts) && parts.length === kinds.length && kinds.every((kind, i) => CHECKS[kind](parts[i]));
  if (!fits) throw new InvalidCursor('the cursor is not one that a page gave');
  return parts as (string | number)[];
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
}

const CHECKS: Readonly<Record<Kind, (part: unknown) => boolean>> = {
  time: (part) =>
    typeof part === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(part) && !Number.isNaN(Date.parse(part)),
  uuid: (part) => typeof part === 'string' && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(part),
  integer: (part) => Number.isSafeInteger(part),
  text: (part) => typeof part === 'string' && part.length <= LONGEST_TEXT && /^[\x20-\x7e]*$/.test(part),
};
