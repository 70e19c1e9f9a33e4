import { createHash } from 'node:crypto';
import type { ColumnType, MonitoringQuery, Parameter } from './define.ts';

/** Waiting for a table that a migration holds would make the question part of the problem. */
const LOCK_TIMEOUT = '500ms';

/**
 * The SQL that installs queries as functions of the schema `monitoring`. It may be applied again and over an older
 * version, changes nothing else, and everybody may call the functions: they show what their caller may see.
 *
 * @param queries the definitions
 */
export function installSql(queries: readonly MonitoringQuery[]): string {
  const functions = queries.map(functionSql).join('\n');
  return `CREATE SCHEMA IF NOT EXISTS monitoring;

${EXTENSION}

${DROP_FUNCTIONS}

${functions}
GRANT USAGE ON SCHEMA monitoring TO PUBLIC;
COMMENT ON SCHEMA monitoring IS 'Clearway monitoring functions, ${fingerprint(functions)}';
`;
}

/** Names what is installed: another text, another name. */
export function fingerprintOf(queries: readonly MonitoringQuery[]): string {
  return fingerprint(queries.map(functionSql).join('\n'));
}

/** Wanted, but only some roles may create it; without it the functions say what is missing. */
const EXTENSION = `DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') THEN
    CREATE EXTENSION pg_stat_statements SCHEMA monitoring;
  END IF;
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
  RAISE NOTICE 'statements are not watched: %', SQLERRM;
END
$$;`;

/** The result type of a function cannot be replaced, so those of an older version go first. */
const DROP_FUNCTIONS = `DO $$
DECLARE old regprocedure;
BEGIN
  FOR old IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'monitoring'::regnamespace
    AND obj_description(p.oid, 'pg_proc') LIKE 'Clearway: %'
  LOOP
    EXECUTE format('DROP FUNCTION %s', old);
  END LOOP;
END
$$;`;

function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function functionSql(query: MonitoringQuery): string {
  const { name, comment, parameters = [], columns, withOwnersRights = false, sql } = query;
  const result = Object.entries(columns).map(([column, type]) => `${column} ${sqlType(type)}`);
  const usesStatements = sql.includes('{statements}');
  const rights = withOwnersRights ? ' SECURITY DEFINER SET search_path = pg_catalog, pg_temp' : '';
  const body = `LANGUAGE ${usesStatements ? 'plpgsql' : 'sql'} STABLE${rights} SET lock_timeout = '${LOCK_TIMEOUT}'
AS $function$${usesStatements ? statementsBody(sql, parameters) : `\n${sql.trim()}\n`}$function$`;
  const types = parameters.map(({ type }) => type).join(', ');
  return `CREATE FUNCTION monitoring.${name}(${parameters.map(parameterSql).join(', ')})
RETURNS TABLE (${result.join(', ')})
${body};
COMMENT ON FUNCTION monitoring.${name}(${types}) IS 'Clearway: ${comment.replaceAll("'", "''")}';
`;
}

function parameterSql({ name, type, default: value }: Parameter): string {
  return `${name} ${type}${value === undefined ? '' : ` DEFAULT ${value}`}`;
}

function sqlType(type: ColumnType): string {
  return type.replace('?', '');
}

/** The extension may be in any schema, and may be missing. */
function statementsBody(sql: string, parameters: readonly Parameter[]): string {
  const using = parameters.length > 0 ? ` USING ${parameters.map(({ name }) => name).join(', ')}` : '';
  return `
#variable_conflict use_variable
DECLARE place text;
BEGIN
  SELECT format('%I', n.nspname) INTO place
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements';
  IF place IS NULL THEN
    RAISE EXCEPTION 'the extension pg_stat_statements is not installed in database %', current_database()
      USING ERRCODE = 'undefined_object',
        HINT = 'Add it to shared_preload_libraries, restart the server, then CREATE EXTENSION pg_stat_statements.';
  END IF;
  RETURN QUERY EXECUTE replace($query$
${sql.trim()}
$query$, '{statements}', place)${using};
END
`;
}
