/**
 * A text that PostgreSQL can hold: it takes neither the character 0 nor half a surrogate pair.
 *
 * @param longest in characters; what is longer is cut
 */
export function storable(text: string, longest = Infinity): string {
  return text.slice(0, longest).replaceAll('\u0000', '\ufffd').toWellFormed();
}

// JSON.stringify escapes these, and no pair that is whole; the escape stands behind an even number of backslashes
const NOT_STORABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/** A value as JSON text that PostgreSQL can hold; undefined when it is nothing that JSON knows. */
export function storableJson(value: unknown): string | undefined {
  const text = JSON.stringify(value) as string | undefined;
  return text?.includes('\\u') ? text.replaceAll(NOT_STORABLE, '$1\\ufffd') : text;
}

/** Whether a value would be changed by `storableJson`. */
export const isStorableJson = (text: string): boolean => !text.includes('\\u') || text.search(NOT_STORABLE) === -1;
