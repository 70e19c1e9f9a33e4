import type pg from 'pg';

/** Why a configured query gave no result. */
export type QueryProblem =
  | 'not_a_query'
  | 'several_statements'
  | 'parameters'
  | 'writes'
  | 'side_effects'
  | 'wrong_shape'
  | 'timeout'
  | 'locked'
  | 'no_rights'
  | 'unreachable'
  | 'failed';

/** Problems of the moment or of the role, not of the query: nothing is known about the data, and the query may stay as it is. */
const WITHOUT_FAULT: ReadonlySet<QueryProblem> = new Set(['locked', 'no_rights', 'unreachable']);
const MAX_MESSAGE_LENGTH = 500;

/** A query of the configuration that was refused or failed: what is wrong with it, and how to mend it. */
export class QueryError extends Error {
  readonly problem: QueryProblem;
  readonly remedy: string;

  constructor(problem: QueryProblem, message: string, remedy: string, cause?: unknown) {
    super(message.slice(0, MAX_MESSAGE_LENGTH), { cause });
    this.name = 'QueryError';
    this.problem = problem;
    this.remedy = remedy;
  }

  /** Whether the query itself is to be mended. */
  get isFault(): boolean {
    return !WITHOUT_FAULT.has(this.problem);
  }
}

const ONE_QUERY = 'write one SELECT that returns the rows in question';
type Told = readonly [QueryProblem, string, string];

/** By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
function ofState(state: string, text: string, limitMs: number): Told | undefined {
  switch (state) {
    case '42601':
      if (text.includes('multiple commands')) return ['several_statements', 'holds several statements', ONE_QUERY];
      return ['not_a_query', `is not a query: ${text}`, ONE_QUERY];
    case '08P01':
    case '42P02':
      return ['parameters', 'has parameters such as $1, and there are no values for them', 'write the values out'];
    case '0A000':
      if (!text.includes('non-volatile function')) return undefined;
      return ['writes', `would change the database: ${text}`, ONE_QUERY];
    case '25006':
    case '25001':
      return ['writes', `would change the database: ${text}`, ONE_QUERY];
    case '57014':
      return [
        'timeout',
        `did not end within ${limitMs} ms`,
        'make it faster, by an index or a condition, or raise timeoutMs',
      ];
    case '55P03':
      return ['locked', 'a table is locked by another session', 'nothing to do: it is tried again'];
    case '42501':
      return ['no_rights', text, 'GRANT SELECT on the tables, and BYPASSRLS where row security applies, to the role'];
    case '57P01':
    case '57P02':
    case '57P03':
      return ['unreachable', text, 'nothing to do: it is tried again'];
    default:
      return state.startsWith('08') ? ['unreachable', text, 'nothing to do: it is tried again'] : undefined;
  }
}

/** Says in words why a query failed; a QueryError stays as it is. */
export function queryError(error: unknown, limitMs: number): QueryError {
  if (error instanceof QueryError) return error;
  const { code, message } = error as Partial<pg.DatabaseError> & Error;
  const isFromServer = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code);
  if (!isFromServer) return new QueryError('unreachable', message, 'start the database, or correct its url', error);
  const told = ofState(code, message, limitMs) ?? ['failed', `${code} ${message}`, 'run it by hand and mend it'];
  return new QueryError(...told, error);
}
