import type { RecentRecord } from '@clearway/contracts';
import type { CompiledRoute, GatewayConfiguration } from '@clearway/gateway/configuration';
import { answerChange, refusal, sideOf, type Difference, type Recent, type Taken } from './answer-change.ts';
import { KnownConditions } from './conditions.ts';
import type { GatewayFacts } from './gateway-facts.ts';
import type { Routing } from './route-recent.ts';
import { serverChanges, treatmentChanges } from './settings.ts';

/** Requests that would fare differently in the same way. */
export interface Change {
  /** What would be different: where they go, how they are answered, or what else happens to them. */
  readonly kind: 'route' | 'answer' | 'policy';
  readonly from: string;
  readonly to: string;
  /** Settings that differ, or the limit that is met, of one of them. */
  readonly because: readonly string[];
  readonly count: number;
  readonly examples: readonly { readonly id: string; readonly traceId: string; readonly request: string }[];
}

/** What a new configuration would have done to recent requests. */
export interface Comparison {
  readonly requests: number;
  readonly unchanged: number;
  /** Of which it cannot be told, and what it depends on. */
  readonly undecided: number;
  readonly dependsOn: readonly string[];
  /** Other answers first, then other routes; of a kind the most frequent first. */
  readonly changes: readonly Change[];
  /** Settings that concern all requests. */
  readonly server: readonly string[];
}

/** Compares what the active configuration did to recent requests with what a new one would do. */
export function compare(facts: GatewayFacts, next: GatewayConfiguration): Comparison {
  const active = sideOf(facts.configuration);
  const planned = sideOf(next);
  const routes = [...active.router.routes, ...planned.router.routes];
  const found = new ChangeList();
  for (const record of facts.records.filter(wasRouted)) {
    const known = new KnownConditions(routes, record.queryNames);
    // what was decided under an older configuration says nothing about the active one
    const isOfActive = Date.parse(record.time) >= facts.sinceMs;
    if (isOfActive) active.router.learn(record, known);
    const before = active.router.decide(record, known);
    const after = planned.router.decide(record, known);
    found.add(record, before, after, (from, to) =>
      routedChange({ record, isOfActive }, { ...active, route: from }, { ...planned, route: to }),
    );
  }
  return { ...found.result(facts.records.length), server: serverChanges(facts.configuration, next) };
}

/** What is no request that could be routed is refused by any configuration. */
function wasRouted({ route, reason }: RecentRecord): boolean {
  return route !== '_none' || reason === 'route_not_found' || reason === 'method_not_allowed';
}

function routedChange(recent: Recent, before: Taken, after: Taken): Difference | undefined {
  const answer = answerChange(recent, before, after);
  if (answer) return answer;
  const [from, to] = [before.route.configuration.id, after.route.configuration.id];
  const because = treatmentChanges([before.route, before.configuration], [after.route, after.configuration]);
  if (from !== to) return { kind: 'route', from: `route ${from}`, to: `route ${to}`, because };
  return because.length > 0
    ? { kind: 'policy', from: `route ${from}`, to: 'the same route, treated otherwise', because }
    : undefined;
}

function routingText(routing: Routing): string {
  if (routing.kind === 'route') return `route ${routing.route.configuration.id}`;
  if (routing.kind === 'refused') return refusal(routing.reason);
  return 'answered by the gateway itself: the path is one of its own';
}

const EXAMPLES = 3;
/** What clients would notice comes first. */
const RANK = { answer: 0, route: 1, policy: 2 } as const;

/** Gathers what would be different, like with like. */
class ChangeList {
  readonly #changes = new Map<string, Change & { examples: Change['examples'][number][] }>();
  readonly #dependsOn = new Set<string>();
  #undecided = 0;
  #changed = 0;

  add(
    record: RecentRecord,
    before: Routing,
    after: Routing,
    routed: (from: CompiledRoute, to: CompiledRoute) => Difference | undefined,
  ): void {
    if (before.kind === 'undecided' || after.kind === 'undecided') return this.#wait(before, after);
    const difference =
      before.kind === 'route' && after.kind === 'route'
        ? routed(before.route, after.route)
        : unrouted(routingText(before), routingText(after), after);
    if (difference === undefined) return;
    this.#changed++;
    const { kind, from, to, because } = difference;
    const key = `${kind} ${from} ${to}`;
    const seen = this.#changes.get(key) ?? { kind, from, to, because, count: 0, examples: [] };
    const { id, traceId, method, host = '', path } = record;
    const examples = [...seen.examples, { id, traceId, request: `${method} ${host}${path}` }].slice(0, EXAMPLES);
    this.#changes.set(key, { ...seen, count: seen.count + 1, examples });
  }

  #wait(...routings: readonly Routing[]): void {
    this.#undecided++;
    for (const routing of routings) {
      if (routing.kind === 'undecided') routing.dependsOn.forEach((condition) => this.#dependsOn.add(condition));
    }
  }

  result(requests: number): Omit<Comparison, 'server'> {
    return {
      requests,
      unchanged: requests - this.#changed - this.#undecided,
      undecided: this.#undecided,
      dependsOn: [...this.#dependsOn],
      changes: [...this.#changes.values()].sort((a, b) => RANK[a.kind] - RANK[b.kind] || b.count - a.count),
    };
  }
}

function unrouted(from: string, to: string, after: Routing): Difference | undefined {
  if (from === to) return undefined;
  return { kind: after.kind === 'route' ? 'route' : 'answer', from, to, because: [] };
}
