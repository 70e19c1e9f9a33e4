/** Values of a row as text; null where it holds NULL. */
export type RowValues = readonly (string | null)[];

/**
 * Names of the columns that a COPY statement lists, in the order of its values.
 *
 * @example
 * copyColumns('COPY public.tracks (id, "Title") FROM stdin') // ['id', 'Title']
 */
export function copyColumns(sql: string): string[] {
  const list = sql.slice(sql.indexOf('(') + 1, sql.lastIndexOf(')'));
  return [...list.matchAll(/"((?:[^"]|"")*)"|([^\s,"]+)/g)].map(([, quoted, bare]) =>
    quoted === undefined ? (bare ?? '') : quoted.replaceAll('""', '"'),
  );
}

/** The lines of COPY data, without their line breaks: within a value they are written `\n`. */
export async function* linesOf(data: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of data) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, piece]) : piece;
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      yield bytes.subarray(from, end);
      from = end + 1;
    }
    rest = bytes.subarray(from);
  }
  if (rest.length > 0) yield rest;
}

/** One value of a line as it is written; undefined when the line has not so many. */
export function fieldOf(line: Buffer, index: number): Buffer | undefined {
  let from = 0;
  for (let i = 0; i < index; i++) {
    const tab = line.indexOf(9, from);
    if (tab < 0) return undefined;
    from = tab + 1;
  }
  const end = line.indexOf(9, from);
  return line.subarray(from, end < 0 ? line.length : end);
}

/** All values of a line. */
export const valuesOf = (line: Buffer): RowValues => line.toString('utf8').split('\t').map(unescapeField);

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** A value from COPY's text form. */
export function unescapeField(field: string): string | null {
  if (field === '\\N') return null;
  return field.replaceAll(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter);
}
