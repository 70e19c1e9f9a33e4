import type pg from 'pg';
import { inReadOnly, runOne, type QueryBounds } from '../read-only/in-read-only.ts';
import { inspectQuery } from '../read-only/inspect-query.ts';
import { QueryError, queryError } from '../read-only/query-error.ts';
import { batchQuery, elementType, fromTable } from './batch-query.ts';
import { tableNamed, type TableFacts } from './catalogue.ts';
import type { Reference, TypedColumn, ValueSource } from './reference.ts';

/** A relation that holds without a foreign key, as the configuration declares it. */
export interface DeclaredRelation {
  /** `table.column` or `schema.table.column`; an array column refers by each of its elements. */
  readonly from: string;
  /** `table.column` or `schema.table.column`; it needs an index. */
  readonly to: string;
  /** For a JSON column: where in it the keys are, in the SQL/JSON path language. */
  readonly path?: string | undefined;
  /** SQL condition on the rows that refer to this table, such as `kind = 'track'`. */
  readonly when?: string | undefined;
}

/** A parent without an index may be this large: each row that is looked at reads all of it. */
const SMALL_TABLE_ROWS = 1000;

/**
 * Finds what a declared relation names in the catalogue, and makes sure that it can be examined without harm.
 *
 * @param client connected, with no transaction open
 * @throws QueryError that says what is wrong with the declaration
 */
export async function resolveRelation(
  client: pg.ClientBase,
  declared: DeclaredRelation,
  bounds: QueryBounds,
): Promise<Reference> {
  try {
    return await inReadOnly(client, bounds, () => resolve(client, declared));
  } catch (error) {
    throw queryError(error, bounds.timeoutMs);
  }
}

async function resolve(client: pg.ClientBase, declared: DeclaredRelation): Promise<Reference> {
  const from = await columnNamed(client, declared.from);
  const to = await columnNamed(client, declared.to);
  if (from.facts.table.isPartitioned && from.facts.key.length === 0) {
    throw new QueryError('failed', `${declared.from}: a partitioned table without a primary key`, 'add one');
  }
  const source = sourceOf(declared, from.column);
  const reference: Reference = {
    child: from.facts.table,
    parent: to.facts.table,
    key: from.facts.key,
    estimatedRows: from.facts.estimatedRows,
    isMatchFull: false,
    pairs: [{ from: from.column, to: to.column, operator: '=', source }],
    ...(declared.when !== undefined && { when: declared.when }),
  };
  if (declared.when !== undefined) await inspectCondition(client, reference, declared.when);
  await refuseUncomparable(client, declared, reference);
  await refuseWithoutIndex(client, declared, to);
  return reference;
}

interface FoundColumn {
  readonly facts: TableFacts;
  readonly column: TypedColumn;
}

async function columnNamed(client: pg.ClientBase, name: string): Promise<FoundColumn> {
  const at = name.lastIndexOf('.');
  const [table, wanted] = [name.slice(0, at), name.slice(at + 1)];
  const facts = await tableNamed(client, table);
  if (!facts) throw new QueryError('failed', `there is no table ${table}`, 'name it as schema.table.column');
  const column = facts.columns.find((candidate) => candidate.name === wanted);
  if (column) return { facts, column };
  const names = facts.columns.map((candidate) => candidate.name).join(', ');
  throw new QueryError('failed', `${table} has no column ${wanted}`, `its columns are ${names}`);
}

function sourceOf({ from, path }: DeclaredRelation, column: TypedColumn): ValueSource {
  const isJson = ['json', 'jsonb'].includes(column.type);
  if (isJson && path === undefined) {
    throw new QueryError('failed', `${from} is JSON`, "say where in it the keys are: path: '$.trackId'");
  }
  if (!isJson && path !== undefined) throw new QueryError('failed', `${from} is no JSON`, 'leave out path');
  if (path !== undefined) return { kind: 'json', path };
  return { kind: column.type.endsWith('[]') ? 'array' : 'column' };
}

async function inspectCondition(client: pg.ClientBase, { child }: Reference, when: string): Promise<void> {
  // inspected alone, so that what is wrong is said of the condition
  await inspectQuery(client, `SELECT 1 FROM ${fromTable(child)} AS c WHERE (${when}\n) IS TRUE`);
}

async function refuseUncomparable(client: pg.ClientBase, declared: DeclaredRelation, reference: Reference) {
  await client.query('SAVEPOINT comparison');
  try {
    const hasKey = reference.key.length > 0;
    const sql = batchQuery(reference, 'first', 1, 1).replaceAll(/\$\d::bigint/g, hasKey ? '$&' : '0');
    await runOne(client, `EXPLAIN ${sql}`);
  } catch (error) {
    if ((error as pg.DatabaseError).code !== '42883') throw error;
    const pair = reference.pairs[0];
    const types = pair && `${elementType(pair.from, pair.source.kind)} and ${pair.to.type}`;
    throw new QueryError(
      'failed',
      `${declared.from} and ${declared.to} cannot be compared: ${types}`,
      'declare an invariant instead, which converts one of them',
    );
  }
  await client.query('ROLLBACK TO comparison');
}

async function refuseWithoutIndex(client: pg.ClientBase, { to }: DeclaredRelation, { facts, column }: FoundColumn) {
  if (facts.estimatedRows !== undefined && facts.estimatedRows <= SMALL_TABLE_ROWS) return;
  const { rows } = await client.query(
    `SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
      WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = $3 AND i.indisvalid AND i.indpred IS NULL LIMIT 1`,
    [facts.table.schema, facts.table.name, column.name],
  );
  if (rows.length > 0) return;
  throw new QueryError(
    'failed',
    `${to} has no index: each row would read the whole table`,
    `CREATE INDEX CONCURRENTLY ON ${facts.table.schema}.${facts.table.name} (${column.name}), or declare an invariant`,
  );
}
