import { stripVTControlCharacters, styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** Decorates a text for a terminal. */
export type Style = (format: Format, text: string) => string;

/** Leaves texts as they are: for files, pipes and those who set NO_COLOR. */
export const plainStyle: Style = (_format, text) => text;

/** Colours, as ANSI escape sequences. */
export const colourStyle: Style = (format, text) => styleText(format, text, { validateStream: false });

/**
 * Whether to use colours: on a terminal only, never with NO_COLOR, always with FORCE_COLOR.
 *
 * Source: no-color.org, force-color.org: set and not empty counts.
 */
export function wantsColour(
  stream: { readonly isTTY?: boolean },
  variables: Readonly<Record<string, string | undefined>>,
): boolean {
  if (variables['NO_COLOR']) return false;
  if (variables['FORCE_COLOR']) return variables['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && variables['TERM'] !== 'dumb';
}

/**
 * A text from outside as it may be shown in a terminal: one line, without escape sequences and without characters that
 * turn the direction of writing. What a client sent must not move the cursor of who reads about it.
 */
export function safe(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ')
    .replaceAll(/[\u202a-\u202e\u2066-\u2069]/gu, '');
}

/** Shortens a text to a width, with an ellipsis. */
export function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** One thing, or several. */
export function count(n: number, one: string, several = `${one}s`): string {
  return `${n} ${n === 1 ? one : several}`;
}
