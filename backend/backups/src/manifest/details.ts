import { NOT_OF_EXTENSION, OURS } from './catalogue-filters.ts';

/** A relation with its schema, for the queries below. */
const RELATION = 'pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace';
const MADE_HERE = `c.relpersistence <> 't' AND ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_class', 'c.oid')}`;
const NAME = `format('%I.%I', n.nspname, c.relname)`;

/** What a column is besides its name; an expression's text is left out, since the server may write it otherwise. */
const COLUMN = `concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
  CASE WHEN a.attnotnull THEN 'not null' END,
  CASE WHEN a.attidentity <> '' THEN 'identity ' || a.attidentity::text WHEN a.attgenerated <> '' THEN 'generated ' || a.attgenerated::text
    WHEN a.atthasdef THEN 'default' END,
  (SELECT 'collate ' || quote_ident(l.collname) FROM pg_collation l JOIN pg_type t ON t.oid = a.atttypid
   WHERE l.oid = a.attcollation AND a.attcollation <> t.typcollation),
  CASE WHEN a.attstattarget >= 0 THEN 'statistics ' || a.attstattarget END)`;

const KEY_COLUMNS = (relation: string, numbers: string): string =>
  `(SELECT string_agg(coalesce(quote_ident(a.attname), 'expression'), ', ' ORDER BY k.place)
    FROM unnest(${numbers}) WITH ORDINALITY k(number, place)
    LEFT JOIN pg_attribute a ON a.attrelid = ${relation} AND a.attnum = k.number AND k.number > 0)`;

const ROLE_NAME = (oid: string): string =>
  `CASE ${oid} WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(${oid})) END`;

/**
 * What the catalogue says of objects besides their names, by kind, as far as a restore keeps it to the letter on any
 * major version. Texts of expressions are not among it: the server may write them otherwise when it has read them again.
 */
export const DETAILS: Readonly<Record<string, string>> = {
  // columns of inherited tables may change places when the parent was given one later
  columns: `SELECT ${NAME} || ': ' || string_agg(${COLUMN}, ', ' ORDER BY
      CASE WHEN i.inhrelid IS NULL OR c.relispartition THEN a.attnum ELSE 0 END, a.attname COLLATE "C")
    FROM ${RELATION} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN (SELECT DISTINCT inhrelid FROM pg_inherits) i ON i.inhrelid = c.oid
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND ${MADE_HERE} GROUP BY n.nspname, c.relname`,
  'parent table': `SELECT concat_ws(' ', ${NAME}, 'of', format('%I.%I', m.nspname, p.relname), pg_get_expr(c.relpartbound, c.oid))
    FROM ${RELATION} JOIN pg_inherits i ON i.inhrelid = c.oid JOIN pg_class p ON p.oid = i.inhparent
    JOIN pg_namespace m ON m.oid = p.relnamespace WHERE c.relkind IN ('r', 'p', 'f') AND ${MADE_HERE}`,
  option: `SELECT ${NAME} || ': ' || option FROM ${RELATION},
      unnest(c.reloptions || CASE WHEN c.relforcerowsecurity THEN ARRAY['row security forced'] END
        || CASE WHEN c.relkind IN ('r', 'p') AND c.relreplident IN ('f', 'n') THEN ARRAY['replica identity ' || c.relreplident::text] END
        || CASE WHEN c.relpersistence = 'u' THEN ARRAY['unlogged'] END
        || CASE WHEN NOT c.relispopulated THEN ARRAY['not populated'] END) AS option
    WHERE (c.relkind IN ('r', 'p', 'v', 'm', 'S') OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indisvalid)) AND ${MADE_HERE}`,
  key: `SELECT format('%I on %s: %s', o.conname, ${NAME}, concat_ws(' ', o.contype, ${KEY_COLUMNS('o.conrelid', 'o.conkey')},
      nullif(o.confrelid, 0)::regclass, o.confupdtype, o.confdeltype, o.confmatchtype,
      CASE WHEN o.condeferrable THEN 'deferrable' END, CASE WHEN o.condeferred THEN 'deferred' END))
    FROM pg_constraint o JOIN ${RELATION} ON c.oid = o.conrelid
    WHERE o.contype IN ('p', 'u', 'f', 'x') AND o.conparentid = 0 AND ${MADE_HERE}`,
  'index columns': `SELECT format('%s: %s', ${NAME}, concat_ws(' ', m.amname, ${KEY_COLUMNS('x.indrelid', 'x.indkey')}, x.indoption::text,
      CASE WHEN x.indisunique THEN 'unique' END, CASE WHEN x.indnullsnotdistinct THEN 'nulls not distinct' END,
      CASE WHEN x.indpred IS NOT NULL THEN 'partial' END, CASE WHEN x.indisclustered THEN 'clustered' END,
      CASE WHEN x.indisreplident THEN 'replica identity' END))
    FROM pg_index x JOIN ${RELATION} ON c.oid = x.indexrelid JOIN pg_am m ON m.oid = c.relam
    WHERE x.indisvalid AND ${MADE_HERE} AND ${NOT_OF_EXTENSION('pg_class', 'x.indrelid')}`,
  'not enabled': `SELECT format('%I on %s: %s', t.tgname, ${NAME}, t.tgenabled) FROM pg_trigger t JOIN ${RELATION} ON c.oid = t.tgrelid
      WHERE NOT t.tgisinternal AND t.tgenabled <> 'O' AND ${MADE_HERE}
    UNION ALL SELECT format('%I on %s: %s', r.rulename, ${NAME}, r.ev_enabled) FROM pg_rewrite r JOIN ${RELATION} ON c.oid = r.ev_class
      WHERE r.ev_enabled <> 'O' AND ${MADE_HERE}
    UNION ALL SELECT format('%I: %s', evtname, evtenabled) FROM pg_event_trigger WHERE evtenabled <> 'O'`,
  'policy rule': `SELECT format('%I on %s: %s', p.polname, ${NAME}, concat_ws(' ', p.polcmd, CASE WHEN NOT p.polpermissive THEN 'restrictive' END,
      (SELECT string_agg(${ROLE_NAME('role')}, ', ' ORDER BY ${ROLE_NAME('role')} COLLATE "C") FROM unnest(p.polroles) AS role)))
    FROM pg_policy p JOIN ${RELATION} ON c.oid = p.polrelid WHERE ${MADE_HERE}`,
  'sequence bounds': `SELECT format('%s: %s', ${NAME}, concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
      s.seqcache, CASE WHEN s.seqcycle THEN 'cycle' END))
    FROM pg_sequence s JOIN ${RELATION} ON c.oid = s.seqrelid WHERE ${MADE_HERE}`,
  'enum label': `SELECT format('%I.%I: %s', n.nspname, t.typname, string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder))
    FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_type', 't.oid')} GROUP BY n.nspname, t.typname`,
  'domain rule': `SELECT format('%I.%I: %s', n.nspname, t.typname, concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
      CASE WHEN t.typnotnull THEN 'not null' END, CASE WHEN t.typdefault IS NOT NULL THEN 'default' END,
      (SELECT string_agg(quote_ident(o.conname), ', ' ORDER BY o.conname COLLATE "C") FROM pg_constraint o
       WHERE o.contypid = t.oid AND o.contype = 'c')))
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype = 'd' AND ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_type', 't.oid')}`,
  code: `SELECT format('%I.%I(%s): %s', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid), md5(concat_ws(' ', l.lanname,
      p.prosrc, p.probin, p.provolatile, p.proparallel, p.prosecdef, p.proisstrict, p.proleakproof, p.proconfig::text, p.proretset,
      format_type(p.prorettype, NULL))))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
    WHERE l.lanname <> 'internal' AND ${OURS('n.nspname')} AND ${NOT_OF_EXTENSION('pg_proc', 'p.oid')}`,
  'publication rule': `SELECT format('%I: %s', p.pubname, concat_ws(' ', p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot,
      (SELECT string_agg(r.prrelid::regclass::text, ', ' ORDER BY r.prrelid::regclass::text COLLATE "C") FROM pg_publication_rel r WHERE r.prpubid = p.oid),
      (SELECT string_agg(s.pnnspid::regnamespace::text, ', ' ORDER BY s.pnnspid::regnamespace::text COLLATE "C") FROM pg_publication_namespace s
       WHERE s.pnpubid = p.oid))) FROM pg_publication p`,
  // every database has that of public, which no dump holds
  comment: `SELECT format('%s %s: %s', o.type, o.identity, md5(d.description)) FROM pg_description d,
      LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) AS o
    WHERE (d.objoid >= 16384 OR d.classoid = 'pg_largeobject'::regclass) AND d.classoid <> 'pg_extension'::regclass
      AND (o.type, o.identity) <> ('schema', 'public')
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')`,
  'other object': `SELECT format('%s %s', o.type, o.identity) FROM (
      ${['pg_cast', 'pg_operator', 'pg_collation', 'pg_ts_config', 'pg_ts_dict', 'pg_opclass', 'pg_conversion', 'pg_language', 'pg_foreign_data_wrapper'].map((catalogue) => `SELECT '${catalogue}'::regclass AS catalogue, oid FROM ${catalogue}`).join(' UNION ALL ')}
    ) AS listed, LATERAL pg_identify_object(listed.catalogue, listed.oid, 0) AS o
    WHERE listed.oid >= 16384
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = listed.catalogue AND e.objid = listed.oid AND e.deptype IN ('e', 'i'))`,
};
