import type { TargetKey } from './postgres-target.ts';

/** An order in which parents come before children, and the keys for which there is none: of cycles, and of a table to itself. */
export function orderTables(
  tables: readonly string[],
  keys: readonly TargetKey[],
): { readonly order: readonly string[]; readonly deferred: readonly TargetKey[] } {
  const among = keys.filter(({ child, parent }) => tables.includes(child) && tables.includes(parent));
  const order: string[] = [];
  const left = new Set(tables);
  while (left.size > 0) {
    const waitsFor = (table: string) =>
      among.filter(({ child, parent }) => child === table && parent !== table && left.has(parent));
    // of a cycle, the one that waits for the fewest is taken: its keys are checked at the end
    const next = [...left].reduce((best, table) => (waitsFor(table).length < waitsFor(best).length ? table : best));
    left.delete(next);
    order.push(next);
  }
  const at = (table: string) => order.indexOf(table);
  return { order, deferred: among.filter(({ child, parent }) => at(parent) >= at(child)) };
}
