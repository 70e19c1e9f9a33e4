import type pg from 'pg';
import { NOT_OF_EXTENSION, OURS } from './catalogue-filters.ts';
import { DETAILS } from './details.ts';

const RELATION_KINDS = `CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
  WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' ELSE 'composite type' END`;

/**
 * Names of everything that a restore must bring back besides rows, one query a kind.
 */
const QUERIES: readonly string[] = [
  `SELECT 'schema', n.nspname::text FROM pg_namespace n WHERE ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_namespace', 'n.oid')}`,
  `SELECT ${RELATION_KINDS}, format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND c.relpersistence <> 't' AND ${OURS('n.nspname')}
     AND ${NOT_OF_EXTENSION('pg_class', 'c.oid')}`,
  // an invalid index is not dumped
  `SELECT 'index', format('%I.%I', n.nspname, c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
   JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class t ON t.oid = i.indrelid
   WHERE i.indisvalid AND c.relpersistence <> 't' AND ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_class', 'i.indrelid')}`,
  // those of partitions that follow from the parent's get names of the server's choice
  `SELECT 'constraint', format('%I on %I.%I', o.conname, n.nspname, c.relname) FROM pg_constraint o
   JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE o.contype IN ('p', 'u', 'f', 'c', 'x') AND o.conparentid = 0 AND c.relpersistence <> 't' AND ${OURS('n.nspname')}
     AND ${NOT_OF_EXTENSION('pg_class', 'c.oid')} AND ${NOT_OF_EXTENSION('pg_constraint', 'o.oid')}`,
  `SELECT 'trigger', format('%I on %I.%I', t.tgname, n.nspname, c.relname) FROM pg_trigger t
   JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT t.tgisinternal AND c.relpersistence <> 't' AND ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_trigger', 't.oid')}`,
  `SELECT CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END,
     format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
   FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_proc', 'p.oid')}
     AND NOT EXISTS (SELECT FROM pg_range r JOIN pg_depend i ON i.refclassid = 'pg_type'::regclass AND i.refobjid = r.rngtypid
       WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid AND i.deptype IN ('i', 'a'))`,
  `SELECT CASE t.typtype WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum' WHEN 'r' THEN 'range' ELSE 'type' END,
     format('%I.%I', n.nspname, t.typname)
   FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
   WHERE t.typtype IN ('d', 'e', 'r', 'b') AND t.typcategory <> 'A' AND ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_type', 't.oid')}`,
  `SELECT 'policy', format('%I on %I.%I', p.polname, n.nspname, c.relname) FROM pg_policy p
   JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OURS('n.nspname')}`,
  `SELECT 'rule', format('%I on %I.%I', r.rulename, n.nspname, c.relname) FROM pg_rewrite r
   JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE r.rulename <> '_RETURN' AND ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_class', 'c.oid')}`,
  `SELECT 'statistics', format('%I.%I', n.nspname, s.stxname) FROM pg_statistic_ext s
   JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE ${OURS('n.nspname')}`,
  `SELECT 'event trigger', e.evtname::text FROM pg_event_trigger e WHERE ${NOT_OF_EXTENSION('pg_event_trigger', 'e.oid')}`,
  `SELECT 'publication', p.pubname::text FROM pg_publication p`,
  `SELECT 'extension', e.extname::text FROM pg_extension e`,
  `SELECT 'foreign server', s.srvname::text FROM pg_foreign_server s WHERE ${NOT_OF_EXTENSION('pg_foreign_server', 's.oid')}`,
  `SELECT 'row security', format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relrowsecurity AND ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_class', 'c.oid')}`,
];

/** Kinds that say what objects are like. A manifest that was made before they were listed does not have them. */
export const isDetail = (kind: string): boolean => kind in DETAILS;

/** Kinds of objects that say whose something is and who may use it: they need the roles. */
export const KINDS_OF_ROLES: ReadonlySet<string> = new Set(['grant', 'owner']);

/** Everything that has an owner and rights, with the rights that it has by default when none were given. */
const OWNED = `
SELECT format('%I.%I', n.nspname, c.relname) AS name, c.relowner AS owner,
  coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner)) AS acl
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't' AND ${OURS('n.nspname')}
  AND ${NOT_OF_EXTENSION('pg_class', 'c.oid')}
UNION ALL
SELECT format('schema %I', n.nspname), n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)) FROM pg_namespace n
WHERE ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_namespace', 'n.oid')}
UNION ALL
SELECT format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), p.proowner,
  coalesce(p.proacl, acldefault('f', p.proowner))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_proc', 'p.oid')}
UNION ALL
SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname), c.relowner, a.attacl
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_class', 'c.oid')}`;

/** What the owner of the database owns is left out: that one is another where it is restored. */
const ROLES_OF_OBJECTS = `
WITH owned AS MATERIALIZED (${OWNED})
SELECT 'owner' AS kind, format('%s: %I', name, pg_get_userbyid(owner)) AS name FROM owned
WHERE pg_get_userbyid(owner) NOT IN ($1, 'pg_database_owner')
UNION
SELECT 'grant', format('%s to %s: %s', o.name, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
  string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ', ' ORDER BY a.privilege_type))
FROM owned o, aclexplode(o.acl) a WHERE a.grantee <> o.owner GROUP BY o.name, a.grantee`;

/**
 * Names of the database's objects by kind, sorted.
 *
 * @param owner the role that owned the database when it was dumped
 */
export async function listObjects(client: pg.Client, owner: string): Promise<Record<string, string[]>> {
  // what was looked at and is nowhere is said too, since older manifests have no details
  const objects: Record<string, string[]> = Object.fromEntries(Object.keys(DETAILS).map((kind) => [kind, []]));
  const details = Object.entries(DETAILS).map(
    ([kind, query]) => `SELECT '${kind}', detail FROM (${query}) AS d(detail)`,
  );
  const union = [...QUERIES, ...details].map((query) => `(${query})`).join(' UNION ALL ');
  const { rows } = await client.query<{ kind: string; name: string }>(
    `SELECT * FROM (${union} UNION ALL (${ROLES_OF_OBJECTS})) AS object(kind, name)
     ORDER BY kind COLLATE "C", name COLLATE "C"`,
    [owner],
  );
  for (const { kind, name } of rows) (objects[kind] ??= []).push(name);
  return objects;
}
