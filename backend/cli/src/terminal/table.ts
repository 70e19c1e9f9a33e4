import { stripVTControlCharacters } from 'node:util';

/** A column: its heading and how its cells stand. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/**
 * Lays rows out in columns, without lines; columns that are empty in every row are left out.
 *
 * @param rows cells, which may hold colours
 * @returns the heading first, then a line for each row
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const used = columns
    .map((column, i) => ({ ...column, i }))
    .filter(({ i }) => rows.length === 0 || rows.some((row) => row[i] !== undefined && row[i] !== ''));
  const widths = used.map(({ title, i }) => Math.max(title.length, ...rows.map((row) => visibleLength(row[i] ?? ''))));
  const line = (cells: readonly string[]) =>
    used
      .map(({ align, i }, at) => pad(cells[i] ?? '', widths[at] ?? 0, align ?? 'left'))
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}

function pad(cell: string, width: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - visibleLength(cell)));
  return align === 'left' ? cell + space : space + cell;
}

function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length;
}
