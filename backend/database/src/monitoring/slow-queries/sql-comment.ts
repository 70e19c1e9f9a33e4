/** What the comment of a query says about who issues it. */
export interface QueryOrigin {
  readonly application: string | null;
  readonly route: string | null;
  readonly traceId: string | null;
}

const NONE: QueryOrigin = { application: null, route: null, traceId: null };
const COMMENT = /\/\*((?:[^*]|\*(?!\/))*)\*\//g;
const PAIR = /([\w%.-]+)='((?:[^'\\]|\\.)*)'/g;
const MAX_VALUE_LENGTH = 200;

/**
 * Reads the comment that sqlcommenter and others add to a query, at its end or beginning. It holds pairs such as
 * `route='%2Fv1%2Ftracks',traceparent='00-…-…-01'`, with values in URL encoding.
 *
 * Source: the specification of sqlcommenter, https://google.github.io/sqlcommenter/spec/
 */
export function queryOrigin(query: string | null): QueryOrigin {
  if (query === null || !query.includes('/*')) return NONE;
  const pairs = new Map<string, string>();
  for (const [, comment = ''] of query.matchAll(COMMENT)) {
    for (const [, key = '', value = ''] of comment.matchAll(PAIR)) pairs.set(decoded(key), decoded(value));
  }
  const traceId = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(pairs.get('traceparent') ?? '')?.[1];
  return {
    application: pairs.get('application') ?? null,
    route: pairs.get('route') ?? pairs.get('action') ?? null,
    traceId: traceId ?? null,
  };
}

function decoded(text: string): string {
  const plain = text.replaceAll("\\'", "'").slice(0, MAX_VALUE_LENGTH);
  try {
    return decodeURIComponent(plain).replaceAll(/\p{Cc}/gu, ' ');
  } catch {
    return plain.replaceAll(/\p{Cc}/gu, ' ');
  }
}
