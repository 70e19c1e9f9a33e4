import { maskLiterals } from '@clearway/kernel';

/**
 * A query without its values, in the one form that pg_stat_statements, sessions and spans have in common: parameters and
 * literals are `?`, lists of them count as one, comments are gone.
 *
 * @example
 * queryShape("SELECT * FROM t WHERE a IN ($1, $2) AND b = 'x' -- why") // 'select * from t where a in (?) and b = ?'
 */
export function queryShape(query: string): string {
  return maskLiterals(query)
    .replaceAll(/\$\d+/g, '?')
    .replaceAll(/\(\s*\?(?:\s*,\s*\?)*\s*(?:,\s*\.\.\.\s*)?\)/g, '(?)')
    .replaceAll(/\s+/g, ' ')
    .replace(/\s*;\s*$/, '')
    .trim()
    .toLowerCase();
}
