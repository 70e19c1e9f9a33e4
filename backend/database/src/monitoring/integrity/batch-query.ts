import pg from 'pg';
import { OWN_MARK } from '../slow-queries/queries.ts';
import type { Reference, ReferencePair, TableName, TypedColumn } from './reference.ts';

const quote = pg.escapeIdentifier;

/** One table in FROM. */
export function fromTable({ schema, name, isPartitioned }: TableName): string {
  // ONLY: neither a key nor its index covers tables that inherit
  return `${isPartitioned ? '' : 'ONLY '}${quote(schema)}.${quote(name)}`;
}

/**
 * The query of one batch: the next rows of the child, and those among them that refer to nothing. Its cost is bound by the
 * rows of the batch: they are taken first, and each looks its parent up by the parent's index.
 *
 * Parameters: the key of the last row seen, a text each; none for the first batch. Without a key: the first block and the one
 * behind the last.
 */
export function batchQuery(
  reference: Reference,
  position: 'first' | 'after',
  limit: number,
  sampleSize: number,
): string {
  const { key, pairs, when } = reference;
  const columns = [
    ...(key.length === 0 ? ['c.ctid AS k1'] : key.map(({ name }, i) => `c.${quote(name)} AS k${i + 1}`)),
    ...pairs.map(({ from }, i) => `c.${quote(from.name)} AS f${i + 1}`),
    `${when === undefined ? 'true' : `(${when}\n) IS TRUE`} AS applies`,
  ];
  const keys = key.length === 0 ? ['k1'] : key.map((_, i) => `k${i + 1}`);
  const values = pairs.map((_, i) => `v${i + 1}`);
  return `
    WITH batch AS MATERIALIZED (
      SELECT ${columns.join(', ')} FROM ${fromTable(reference.child)} AS c ${nextRows(key, position, limit)}
    ), referring AS (
      SELECT ${[...keys, ...pairs.map(value)].join(', ')} FROM batch ${pairs.map(expansion).join('')} WHERE applies
    ), orphan AS MATERIALIZED (
      SELECT ${[...keys, ...values].join(', ')} FROM referring AS r WHERE ${isOrphan(reference)}
    )
    SELECT (SELECT count(*)::int FROM batch) AS scanned, (SELECT count(*)::int FROM orphan) AS violations,
           (SELECT json_build_array(${keys.map((name) => `${name}::text`).join(', ')}) FROM batch
             ORDER BY ${keys.map((name) => `${name} DESC`).join(', ')} LIMIT 1) AS last,
           (SELECT json_agg(${sampleOf(reference)}) FROM (SELECT * FROM orphan LIMIT ${sampleSize}) AS o) AS sample ${OWN_MARK}`;
}

function nextRows(key: readonly TypedColumn[], position: 'first' | 'after', limit: number): string {
  if (key.length === 0)
    return `WHERE c.ctid >= format('(%s,0)', $1::bigint)::tid AND c.ctid < format('(%s,0)', $2::bigint)::tid`;
  const names = key.map(({ name }) => `c.${quote(name)}`);
  const seen = key.map(({ type }, i) => `$${i + 1}::text::${type}`);
  const where = position === 'first' ? '' : `WHERE (${names.join(', ')}) > (${seen.join(', ')})`;
  return `${where} ORDER BY ${names.join(', ')} LIMIT ${limit}`;
}

function value({ source }: ReferencePair, i: number): string {
  return source.kind === 'column' ? `f${i + 1} AS v${i + 1}` : `e${i + 1}.value AS v${i + 1}`;
}

/** A column that holds several references gives a row for each. */
function expansion({ source, from }: ReferencePair, i: number): string {
  if (source.kind === 'column') return '';
  const path = source.kind === 'json' ? pg.escapeLiteral(source.path) : '';
  const column = `f${i + 1}${from.type === 'json' ? '::jsonb' : ''}`;
  const values =
    source.kind === 'array'
      ? `unnest(${column}) AS u (value)`
      : `(SELECT j #>> '{}' AS value FROM jsonb_path_query(${column}, ${path}, '{}', true) AS j) AS u`;
  return ` CROSS JOIN LATERAL (SELECT u.value FROM ${values} WHERE applies) AS e${i + 1}`;
}

function isOrphan({ parent, pairs, isMatchFull }: Reference): string {
  const values = pairs.map((_, i) => `r.v${i + 1}`).join(', ');
  const match = pairs.map(({ to, operator, from, source }, i) => {
    const looked = comparable(`r.v${i + 1}`, source.kind === 'json' ? 'text' : elementType(from, source.kind), to.type);
    return `p.${quote(to.name)} ${operator} ${looked}`;
  });
  const missing = `(num_nulls(${values}) = 0
        AND NOT EXISTS (SELECT FROM ${fromTable(parent)} AS p WHERE ${match.join(' AND ')}))`;
  return isMatchFull && pairs.length > 1
    ? `${missing} OR num_nulls(${values}) BETWEEN 1 AND ${pairs.length - 1}`
    : missing;
}

/** The type of a value that a column holds, without its length. */
export function elementType({ type }: TypedColumn, kind: ReferencePair['source']['kind']): string {
  const element = kind === 'array' ? type.replace(/\[\]$/, '') : type;
  return element.replace(/\(\d+(?:,\d+)?\)/, '');
}

const UUID = '^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
const TEXTS = ['text', 'character varying'];

/** A value, so that it can be compared with a column of another type; a text that can be no such key is equal to none. */
function comparable(expression: string, from: string, to: string): string {
  if (!TEXTS.includes(from)) return expression;
  if (to === 'uuid') return `CASE WHEN ${expression} ~ '${UUID}' THEN ${expression}::uuid END`;
  if (['smallint', 'integer', 'bigint'].includes(to)) {
    return `CASE WHEN ${expression} ~ '^-?\\d{1,18}$' THEN ${expression}::bigint END`;
  }
  return expression;
}

/** The columns that a person needs to find the row again: its key and what it refers to. */
function sampleOf({ key, pairs }: Reference): string {
  const keys =
    key.length === 0
      ? [`'ctid', o.k1::text`]
      : key.map(({ name }, i) => `${pg.escapeLiteral(name)}, left(o.k${i + 1}::text, 200)`);
  const known = new Set(key.map(({ name }) => name));
  const values = pairs.flatMap(({ from }, i) =>
    known.has(from.name) ? [] : [`${pg.escapeLiteral(from.name)}, left(o.v${i + 1}::text, 200)`],
  );
  return `json_build_object(${[...keys, ...values].join(', ')})`;
}
