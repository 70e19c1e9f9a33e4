import type { CompiledRoute } from '@clearway/gateway/configuration';

/** A condition on a header or on the query, as text: `header x-version=2`. */
type Condition = string;

/** The conditions of a route on what records do not hold. */
export function conditionsOf({ headers, query }: CompiledRoute): Condition[] {
  const text = (kind: string, [name, value]: readonly [string, string]): Condition => `${kind} ${name}=${value}`;
  return [...headers.map((header) => text('header', header)), ...query.map((parameter) => text('query', parameter))];
}

/**
 * What is known of one request's headers and query. Records hold no values, but what the gateway decided tells of them:
 * the route that took the request has its conditions met, and one that would have come first has not.
 */
export class KnownConditions {
  readonly #single = new Map<Condition, boolean>();
  /** Of each of these sets, at least one condition is not met. */
  readonly #notAllMet: (readonly Condition[])[] = [];

  /** @param queryNames the names of the request's query parameters; undefined when they are not known */
  constructor(routes: readonly CompiledRoute[], queryNames: readonly string[] | undefined) {
    if (queryNames === undefined) return;
    for (const { query } of routes) {
      for (const [name, value] of query) {
        const isThere = queryNames.includes(name);
        if (value === '*' || !isThere) this.#single.set(`query ${name}=${value}`, isThere);
      }
    }
  }

  /** A route took the request. */
  met(route: CompiledRoute): void {
    for (const condition of conditionsOf(route)) this.#single.set(condition, true);
  }

  /** A route would have taken the request, were it not for its conditions. */
  notMet(route: CompiledRoute): void {
    const conditions = conditionsOf(route);
    const [only] = conditions;
    if (only !== undefined && conditions.length === 1) this.#single.set(only, false);
    else this.#notAllMet.push(conditions);
  }

  /** Whether the request meets a route's conditions; undefined when that cannot be told. */
  meets(route: CompiledRoute): boolean | undefined {
    const conditions = conditionsOf(route);
    const values = conditions.map((condition) => this.#single.get(condition));
    if (values.includes(false)) return false;
    if (values.every((value) => value === true)) return true;
    const isRuledOut = this.#notAllMet.some((set) => set.every((condition) => conditions.includes(condition)));
    return isRuledOut ? false : undefined;
  }
}
