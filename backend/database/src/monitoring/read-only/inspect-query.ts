import type pg from 'pg';
import { runOne } from './in-read-only.ts';
import { QueryError } from './query-error.ts';

/** Volatile by declaration, and harmless. */
const HARMLESS = [
  'clock_timestamp',
  'gen_random_uuid',
  'pg_blocking_pids',
  'pg_current_wal_lsn',
  'pg_database_size',
  'pg_indexes_size',
  'pg_is_in_recovery',
  'pg_last_wal_receive_lsn',
  'pg_last_wal_replay_lsn',
  'pg_last_xact_replay_timestamp',
  'pg_lock_status',
  'pg_partition_tree',
  'pg_relation_size',
  'pg_table_size',
  'pg_tablespace_size',
  'pg_total_relation_size',
  'random',
  'timeofday',
  'uuidv4',
  'uuidv7',
];

type Plan = { readonly [key: string]: unknown };

/**
 * Looks at a query without running it: it has to be one statement, read only, and call nothing that may have effects
 * outside of the transaction (locks that stay, other sessions, files). What a function that was declared STABLE or IMMUTABLE does
 * cannot be seen.
 *
 * @param client in a read-only transaction
 * @returns the query, fit to stand in parentheses
 * @throws QueryError, or the server's error
 */
export async function inspectQuery(client: pg.ClientBase, sql: string): Promise<string> {
  const query = sql.trim().replace(/(?:;\s*)+$/, '');
  const { rows } = await runOne<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>(
    client,
    `EXPLAIN (FORMAT JSON, VERBOSE)\n${query}`,
  );
  const plan = rows[0]?.['QUERY PLAN'][0]?.Plan ?? {};
  const nodes = allNodes(plan);
  const writing = nodes.find((node) => node['Node Type'] === 'ModifyTable');
  if (writing) {
    const what = `${String(writing['Operation']).toUpperCase()} on ${String(writing['Relation Name'])}`;
    throw new QueryError('writes', `would change the database: ${what}`, 'write a SELECT');
  }
  if (nodes.some((node) => node['Node Type'] === 'LockRows')) {
    throw new QueryError('writes', 'would lock rows', 'leave out FOR UPDATE or FOR SHARE');
  }
  await refuseSideEffects(client, nodes);
  return query;
}

async function refuseSideEffects(client: pg.ClientBase, nodes: readonly Plan[]): Promise<void> {
  const names = [...new Set(nodes.flatMap(namesOf))].filter((name) => !HARMLESS.includes(name));
  if (names.length === 0) return;
  const { rows } = await client.query<{ name: string; own: boolean }>(
    `SELECT proname AS name, bool_or(pronamespace <> 'pg_catalog'::regnamespace) AS own FROM pg_proc
      WHERE provolatile = 'v' AND prokind = 'f' AND prorettype <> 'trigger'::regtype AND proname = ANY ($1)
      GROUP BY 1 ORDER BY 1`,
    [names],
  );
  const found = rows[0];
  if (!found) return;
  const remedy = found.own
    ? `leave it out, or if it changes nothing, declare it so: ALTER FUNCTION ${found.name} STABLE`
    : 'leave it out';
  throw new QueryError('side_effects', `calls ${found.name}(), which may have effects outside of the query`, remedy);
}

/** What a plan calls: every name before a parenthesis in its expressions. Names of types are among them, and do no harm. */
function namesOf(node: Plan): string[] {
  return textsOf(node).flatMap((text) => {
    const withoutLiterals = text.replace(/'(?:[^']|'')*'/g, "''");
    const calls = withoutLiterals.matchAll(/(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))\(/gu);
    return [...calls].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
  });
}

function textsOf(node: Plan): string[] {
  return Object.entries(node).flatMap(([key, value]) => {
    if (key === 'Function Name') return [`${String(value)}(`];
    if (typeof value === 'string') return [value];
    return Array.isArray(value) ? value.filter((part): part is string => typeof part === 'string') : [];
  });
}

function allNodes(node: Plan): Plan[] {
  const children = (node['Plans'] ?? []) as readonly Plan[];
  return [node, ...children.flatMap(allNodes)];
}
