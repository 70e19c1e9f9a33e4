import type { Columns, MonitoringQuery, RowOf } from './define.ts';

/** What `pg` gives for one row. */
type RawRow = Readonly<Record<string, unknown>>;

/** Rows as the definition types them: camel case, 64-bit numbers as numbers instead of text, times as ISO 8601. */
export function readRows<C extends Columns>({ columns }: MonitoringQuery<C>, rows: readonly RawRow[]): RowOf<C>[] {
  const fields = Object.entries(columns).map(([name, type]) => ({
    name,
    key: camelCase(name),
    isLong: type.startsWith('int8') && !type.includes('['),
  }));
  return rows.map((row) => {
    const read = fields.map(({ name, key, isLong }) => {
      const value = row[name];
      if (value instanceof Date) return [key, value.toISOString()];
      return [key, isLong && value !== null ? Number(value) : value];
    });
    return Object.fromEntries(read) as RowOf<C>;
  });
}

function camelCase(name: string): string {
  return name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}
