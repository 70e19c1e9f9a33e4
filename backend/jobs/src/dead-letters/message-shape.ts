const LONGEST = 500;

/** V8 quotes names of the code in these, not data. */
const NAMES_OF_CODE = ['TypeError', 'ReferenceError'];

/** Digits that say what went wrong, and not for whom: a status of HTTP, a code such as P2002 or (E11000). */
const TELLING = [
  /\b(?:status(?: code)?|HTTP(?:\/\d(?:\.\d)?)?|code|responded with|answered|returned|got)[ :=]+[1-5]\d\d\b/gi,
  /(?<=^|[([]|\b(?:code|error) )[A-Z]{1,6}[-_]?\d{2,6}\b/g,
];

/** What differs from case to case, and what is put in its place; in this order. */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/\bhttps?:\/\/[^\s"'`<>)\]}]+/gi, '<url>'],
  [/"(?:[^"\\]|\\.)*"|`[^`]*`|(?<!\w)'[^'\n]*'(?!\w)|[“«][^”»]*[”»]/g, '<text>'],
  // JSON, from the inside out
  [/\{[^{}[\]]*\}|\[[^{}[\]]*\]/g, '<data>'],
  [/\{[^{}[\]]*\}|\[[^{}[\]]*\]/g, '<data>'],
  [/\{[^{}[\]]*\}|\[[^{}[\]]*\]/g, '<data>'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<id>'],
  [/\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\b/g, '<address>'],
  [/(?:\b[a-z]:)?(?:[\\/][\w.@%+~-]+){2,}[\\/]?/gi, '<path>'],
  // addresses of version 6, and times
  [/(?:\b[0-9a-f]{1,4})?(?::{1,2}[0-9a-f]{1,4}){2,7}\b/gi, '<n>'],
  [/\b[0-9a-f]{12,}\b/gi, '<n>'],
  // numbers with their signs and units, versions, and every word that has a digit in it
  [/[\w.+-]*\d[\w.,:+-]*\w|\d/g, '<n>'],
  [/(<\w+>)(?:[\s,;:|/-]+\1)+/g, '$1'],
  [/\s+/g, ' '],
];

/**
 * A message with its variable parts replaced: ids, numbers, addresses, paths, data and quoted texts. What cannot be told
 * from the words of the message stays: a name that is not quoted makes a shape of its own.
 *
 * @param errorName decides what a quoted text is
 * @example
 * messageShape('no cover for track 17 of "Help!"'); // 'no cover for track <n> of <text>'
 */
export function messageShape(message: string, errorName = 'Error'): string {
  let shape = message.slice(0, LONGEST);
  for (const telling of TELLING) shape = shape.replaceAll(telling, hideDigits);
  if (NAMES_OF_CODE.includes(errorName))
    shape = shape.replaceAll(/'[\w$.]+'/g, (quoted) => hideDigits(quoted.slice(1, -1)));
  for (const [variable, place] of VARIABLE) shape = shape.replaceAll(variable, place);
  return showDigits(shape).trim();
}

// out of reach of the patterns: in Unicode's private use area
const HIDDEN_ZERO = 0xe000;
const hideDigits = (text: string): string =>
  text.replaceAll(/\d/g, (digit) => String.fromCharCode(HIDDEN_ZERO + Number(digit)));
const showDigits = (text: string): string =>
  text.replaceAll(/[\ue000-\ue009]/g, (hidden) => String(hidden.charCodeAt(0) - HIDDEN_ZERO));
