import type { DatabaseThresholds } from '@clearway/contracts';
import { maskLiterals } from '@clearway/kernel';
import { recommendConnections } from '../connections/recommend.ts';
import { sessionOf, type Session } from '../connections/session.ts';
import { IndexMemory } from '../indexes/lost-indexes.ts';
import { SequentialReads } from '../indexes/sequential-reads.ts';
import type { QuickKnowledge } from '../judge/quick-findings.ts';
import { limitsOf } from '../judge/words.ts';
import { blockerTree } from '../locks/blocker-tree.ts';
import { ReplicaMemory } from '../replication/replica-memory.ts';
import { CallerMemory, type CallerSight } from '../slow-queries/callers.ts';
import { queryTexts } from '../slow-queries/queries.ts';
import { QueryWindow } from '../slow-queries/query-window.ts';
import { queryOrigin } from '../slow-queries/sql-comment.ts';
import { valueOf, type Answer } from './answer.ts';
import type { Asker } from './ask-all.ts';
import { CounterWindow } from './counter-window.ts';
import type { QuickAnswers } from './quick-pass.ts';

const WINDOW_MS = 300_000;
const RATE_WINDOW_MS = 60_000;
const LONG_RUNNING_SECONDS = 5;
const MAX_TEXTS = 1000;
const TEXTS_A_PASS = 20;

/** What is remembered from pass to pass: differences need two, and callers are seen by chance. */
export class QuickMemory {
  readonly queries = new QueryWindow(WINDOW_MS);
  readonly callers = new CallerMemory();
  readonly indexes = new IndexMemory();
  readonly #counters = new CounterWindow<'commits' | 'rollbacks' | 'deadlocks'>(WINDOW_MS);
  readonly #replicas = new ReplicaMemory();
  readonly #reads = new SequentialReads();
  readonly #texts = new Map<string, string>();

  /** Forgets what is of another server. */
  clear(): void {
    this.queries.clear();
    this.#counters.clear();
    this.#reads.clear();
    this.indexes.clear();
    this.#texts.clear();
    this.#replicas.clear();
  }

  /** Forgets the replicas: a server that changed its role has others. */
  forgetReplicas(): void {
    this.#replicas.clear();
  }

  /** The text of a query, without its values, when a pass has read it. */
  textOf(queryId: string | null): string | undefined {
    return queryId === null ? undefined : this.#texts.get(queryId);
  }

  /** Reads the texts of the slowest queries that are not known yet. */
  async readTexts({ rows }: Asker): Promise<void> {
    const wanted = this.queries.recent().slice(0, TEXTS_A_PASS);
    const missing = wanted.flatMap(({ queryId }) => (queryId !== null && !this.#texts.has(queryId) ? [queryId] : []));
    if (missing.length === 0) return;
    for (const { queryId, query } of valueOf(await rows(queryTexts, [missing])) ?? []) {
      if (query !== null) this.#texts.set(queryId, maskLiterals(query));
    }
    while (this.#texts.size > MAX_TEXTS) this.#texts.delete(this.#texts.keys().next().value ?? '');
  }

  /** Takes in the counters of a pass, before anything is judged. */
  addCounters(answers: QuickAnswers, nowMs: number): void {
    const server = valueOf(answers.server);
    if (server) {
      const { commits, rollbacks, deadlocks } = server;
      this.#counters.add(nowMs, { commits, rollbacks, deadlocks });
    }
    const queries = valueOf(answers.queries);
    if (queries) this.queries.add(nowMs, queries);
    this.callers.see((valueOf(answers.sessions) ?? []).flatMap((row) => sightsOf(row, nowMs)));
    this.callers.forgetBefore(nowMs);
  }

  /** What is known after a pass. */
  knowledge(answers: QuickAnswers, thresholds: DatabaseThresholds, nowMs: number): QuickKnowledge {
    const sessions = mapAnswer(answers.sessions, (rows) => rows.map(sessionOf));
    return {
      answers,
      thresholds,
      sessions,
      blockers: mapAnswer(answers.waiting, blockerTree),
      recent: this.queries.recent(),
      windowSeconds: this.queries.seconds,
      textOf: (queryId) => this.textOf(queryId),
      routesOf: (queryId) => {
        const { routes, traces } = this.callers.of(queryId, this.textOf(queryId) ?? null);
        return { routes: routes.map(({ route }) => route), traceIds: traces.map(({ traceId }) => traceId) };
      },
      counters: this.#counters.difference(RATE_WINDOW_MS),
      sequentialReads: mapAnswer(answers.scans, (rows) => this.#reads.update(rows, nowMs)),
      replicas: mapAnswer(answers.replicas, (rows) => this.#replicas.update(rows, nowMs)),
      lostIndexes: this.indexes.lost,
      connectionAdvice: adviceOn(answers, valueOf(sessions) ?? [], thresholds),
    };
  }
}

/** Sessions that are worth showing: those that take long, and those that cannot be seen. */
export function longRunning(sessions: readonly Session[]): Session[] {
  return sessions.filter(
    ({ visible, querySeconds, transactionSeconds }) =>
      !visible || Math.max(querySeconds ?? 0, transactionSeconds ?? 0) >= LONG_RUNNING_SECONDS,
  );
}

function adviceOn(answers: QuickAnswers, sessions: readonly Session[], thresholds: DatabaseThresholds): string {
  const usage = valueOf(answers.usage) ?? null;
  const states = valueOf(answers.states) ?? null;
  const breakdown = valueOf(answers.breakdown) ?? [];
  const isTight = (usage?.usedPercent ?? 0) >= limitsOf(thresholds.connections).warning;
  return recommendConnections({ usage, states, breakdown, longRunning: longRunning(sessions) }, isTight);
}

type SessionRow = Extract<QuickAnswers['sessions'], { value: unknown }>['value'][number];

function sightsOf(row: SessionRow, nowMs: number): CallerSight[] {
  const { query, queryId, querySeconds } = row;
  if (query === null) return [];
  const { application, route, traceId } = queryOrigin(query);
  const durationMs = querySeconds === null ? null : querySeconds * 1000;
  return [{ queryId, query, application: row.application || application, route, traceId, durationMs, atMs: nowMs }];
}

function mapAnswer<T, U>(answer: Answer<T>, change: (value: T) => U): Answer<U> {
  return 'value' in answer ? { value: change(answer.value) } : answer;
}
