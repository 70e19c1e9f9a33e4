import { maskLiterals } from '@clearway/kernel';
import type { DatabaseConnections } from '@clearway/contracts';
import type { RowOf } from '../functions/define.ts';
import { queryOrigin } from '../slow-queries/sql-comment.ts';
import type { longRunningConnections } from './queries.ts';

/** A session with who issues its query. */
export type Session = NonNullable<DatabaseConnections['data']>['longRunning'][number];

/** Masks the values of a session's query, after reading from its comment who issues it. */
export function sessionOf(row: RowOf<typeof longRunningConnections.columns>): Session {
  const { query, application } = row;
  const { route, traceId } = queryOrigin(query);
  return { ...row, application, route, traceId, query: query === null ? null : maskLiterals(query) };
}

/** A session in words: `process 123 of tracks-service (GET /v1/tracks, idle in transaction)`. */
export function describeSession(session: {
  readonly pid: number;
  readonly application: string | null;
  readonly roleName?: string | null;
  readonly route: string | null;
  readonly state: string | null;
}): string {
  const { pid, application, roleName, route, state } = session;
  if (pid === 0) return 'a prepared transaction (see pg_prepared_xacts)';
  const who = application || (roleName ? `role ${roleName}` : undefined);
  const facts = [route, state].filter((fact) => fact !== null && fact !== '').join(', ');
  return `process ${pid}${who ? ` of ${who}` : ''}${facts === '' ? '' : ` (${facts})`}`;
}
