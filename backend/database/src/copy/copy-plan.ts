import { CopyError, type CopyProblem } from './copy-error.ts';
import type { TargetColumn, TargetKey, TargetTable } from './postgres-target.ts';
import type { SourceTable, SqliteSource } from './sqlite-source.ts';
import { orderTables } from './table-order.ts';

/** One table to copy, and which column goes where. */
export interface TablePlan {
  readonly source: SourceTable;
  readonly target: TargetTable;
  readonly columns: readonly { readonly from: string; readonly at: number; readonly to: TargetColumn }[];
}

/** What will be copied, parents before children. */
export interface CopyPlan {
  readonly tables: readonly TablePlan[];
  /** Keys that can only be checked at the end. */
  readonly deferred: readonly TargetKey[];
  /** Tables and columns of the source that are left out because the caller said so. */
  readonly skipped: readonly string[];
}

/** What the plan is made from. */
export interface PlanSources {
  readonly source: Pick<SqliteSource, 'tables' | 'orphans'>;
  readonly targets: readonly TargetTable[];
  readonly keys: readonly TargetKey[];
  /** `table` or `table.column` of the source. */
  readonly skip: readonly string[];
}

/**
 * Finds for each table and column of the source its place in the target.
 *
 * @throws CopyError with everything that stands in the way
 */
export function planCopy({ source, targets, keys, skip }: PlanSources): CopyPlan {
  const problems: CopyProblem[] = unknownSkips(source.tables, skip);
  const wanted = source.tables.filter(({ name }) => !skip.includes(name));
  const plans = wanted.flatMap((table) => planTable(table, targets, skip, problems) ?? []);
  for (const { table, parent, rows } of source.orphans()) {
    if (skip.includes(table)) continue;
    const message = `${rows} rows refer to nothing in ${parent}`;
    problems.push({ where: table, message, remedy: `mend them: SELECT * FROM pragma_foreign_key_check('${table}')` });
  }
  if (problems.length > 0) throw new CopyError(problems);
  const { order, deferred } = orderTables(
    plans.map(({ target }) => target.name),
    keys,
  );
  const tables = order.flatMap((name) => plans.filter(({ target }) => target.name === name));
  return { tables, deferred, skipped: skip };
}

function unknownSkips(tables: readonly SourceTable[], skip: readonly string[]): CopyProblem[] {
  const known = tables.flatMap(({ name, columns }) => [name, ...columns.map((column) => `${name}.${column}`)]);
  return skip
    .filter((name) => !known.includes(name))
    .map((where) => ({ where, message: 'is to be skipped, and is not there', remedy: 'correct --skip' }));
}

function planTable(
  source: SourceTable,
  targets: readonly TargetTable[],
  skip: readonly string[],
  problems: CopyProblem[],
): TablePlan | undefined {
  const target = counterpart(source.name, targets);
  const tell = (where: string, message: string, remedy: string): void => void problems.push({ where, message, remedy });
  if (!target) {
    const remedy = `migrate the target first, or leave it out: --skip ${source.name}`;
    return void tell(source.name, 'has no table in the target', remedy);
  }
  if (target.isFilled) tell(target.name, 'holds rows in the target', 'copy into an empty database');
  if (!target.mayInsert) tell(target.name, 'the role may not insert', `GRANT INSERT ON ${target.name}`);
  const columns = source.columns.flatMap((from, at) => {
    if (skip.includes(`${source.name}.${from}`)) return [];
    const to = counterpart(from, target.columns);
    if (to && !to.isGenerated) return [{ from, at, to }];
    if (to) return [];
    const remedy = `migrate the target first, or leave it out: --skip ${source.name}.${from}`;
    tell(`${source.name}.${from}`, 'has no column in the target', remedy);
    return [];
  });
  for (const { name, isRequired } of target.columns) {
    if (!isRequired || columns.some(({ to }) => to.name === name)) continue;
    tell(`${target.name}.${name}`, 'is required in the target, and the source has no such column', 'give it a default');
  }
  return { source, target, columns };
}

/** By its own name; else by the only one that differs in case and underscores. */
function counterpart<T extends { readonly name: string }>(name: string, candidates: readonly T[]): T | undefined {
  const exact = candidates.find((candidate) => candidate.name === name);
  if (exact) return exact;
  const plain = (text: string) => text.replaceAll('_', '').toLowerCase();
  const alike = candidates.filter((candidate) => plain(candidate.name) === plain(name));
  return alike.length === 1 ? alike[0] : undefined;
}
