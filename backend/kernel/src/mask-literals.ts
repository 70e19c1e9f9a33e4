const MAX_STATEMENT_LENGTH = 4096;

/** PostgreSQL's literals and comments, beside what must stay: quoted identifiers and parameters. Source: PostgreSQL 4.1. */
const PARTS = new RegExp(
  [
    String.raw`--[^\n]*`,
    String.raw`/\*[\s\S]*?(?:\*/|$)`,
    String.raw`\b[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)`,
    String.raw`(?:\b[bBxXnN]|\b[uU]&)?'(?:[^']|'')*(?:'|$)`,
    String.raw`\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\1\$|$)`,
    String.raw`("(?:[^"]|"")*"|\$\d+)`,
    String.raw`\b0[xX][0-9a-fA-F]+\b|\b\d+(?:\.\d*)?(?:[eE][+-]?\d+)?`,
  ].join('|'),
  'g',
);

/**
 * A statement without its data: strings and numbers become `?`, comments go, identifiers and parameters stay.
 *
 * @example
 * maskLiterals("SELECT 1 FROM users WHERE name = 'Ada' AND id = $1") // SELECT ? FROM users WHERE name = ? AND id = $1
 */
export function maskLiterals(statement: string): string {
  return statement
    .slice(0, MAX_STATEMENT_LENGTH)
    .replace(PARTS, (part: string, _tag: unknown, kept: string | undefined) => {
      if (kept !== undefined) return kept;
      return part.startsWith('--') || part.startsWith('/*') ? ' ' : '?';
    })
    .replace(/\s+/g, ' ')
    .trim();
}
