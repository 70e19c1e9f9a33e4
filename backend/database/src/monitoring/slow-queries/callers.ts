import type { QueryCallers } from '@clearway/contracts';
import { queryShape } from './query-shape.ts';

/** One sight of a query and of who issued it. */
export interface CallerSight {
  readonly queryId: string | null;
  /** The query's text, in any form. */
  readonly query: string | null;
  readonly application: string | null;
  readonly route: string | null;
  readonly traceId: string | null;
  readonly durationMs: number | null;
  readonly atMs: number;
}

/** A source of sights: the spans of the trace store, say. */
export interface QuerySpans {
  /** Spans of queries that ended since a time, the newest first; bounded by the source. */
  since(atMs: number): readonly CallerSight[];
}

interface Entry {
  lastMs: number;
  readonly applications: Set<string>;
  readonly routes: Map<string, number>;
  traces: {
    readonly traceId: string;
    readonly route: string | null;
    readonly durationMs: number | null;
    readonly atMs: number;
  }[];
}

const MAX_QUERIES = 1000;
const MAX_APPLICATIONS = 10;
const MAX_ROUTES = 20;
const MAX_TRACES = 5;
const FORGET_MS = 6 * 3_600_000;

/** Remembers who issues which query: by the query's id as sessions tell it, and by its text as spans do. */
export class CallerMemory {
  readonly #entries = new Map<string, Entry>();

  /** Takes in what was seen. */
  see(sights: readonly CallerSight[]): void {
    for (const sight of sights) {
      if (sight.queryId !== null) this.#note(`id ${sight.queryId}`, sight);
      if (sight.query !== null) this.#note(`shape ${queryShape(sight.query)}`, sight);
    }
  }

  /** Who issues a query. */
  of(queryId: string | null, query: string | null): QueryCallers {
    const found = [
      queryId === null ? undefined : this.#entries.get(`id ${queryId}`),
      query === null ? undefined : this.#entries.get(`shape ${queryShape(query)}`),
    ].filter((entry) => entry !== undefined);
    const routes = new Map<string, number>();
    for (const entry of found) {
      for (const [route, seen] of entry.routes) routes.set(route, Math.max(seen, routes.get(route) ?? 0));
    }
    const traces = new Map(found.flatMap((entry) => entry.traces).map((trace) => [trace.traceId, trace]));
    return {
      applications: [...new Set(found.flatMap((entry) => [...entry.applications]))],
      routes: [...routes].map(([route, seen]) => ({ route, seen })).sort((a, b) => b.seen - a.seen),
      traces: [...traces.values()]
        .sort((a, b) => b.atMs - a.atMs)
        .slice(0, MAX_TRACES)
        .map(({ atMs, ...trace }) => ({ ...trace, at: new Date(atMs).toISOString() })),
    };
  }

  /** Gives up what was not seen for long. */
  forgetBefore(nowMs: number): void {
    for (const [key, { lastMs }] of this.#entries) if (nowMs - lastMs > FORGET_MS) this.#entries.delete(key);
  }

  #note(key: string, { application, route, traceId, durationMs, atMs }: CallerSight): void {
    const entry: Entry = this.#entries.get(key) ?? {
      lastMs: atMs,
      applications: new Set(),
      routes: new Map(),
      traces: [],
    };
    // the one that was not seen for the longest time stands first
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > MAX_QUERIES) this.#entries.delete(this.#entries.keys().next().value ?? '');
    entry.lastMs = atMs;
    if (application && entry.applications.size < MAX_APPLICATIONS) entry.applications.add(application);
    if (route !== null && (entry.routes.has(route) || entry.routes.size < MAX_ROUTES)) {
      entry.routes.set(route, (entry.routes.get(route) ?? 0) + 1);
    }
    if (traceId === null) return;
    entry.traces = [
      { traceId, route, durationMs, atMs },
      ...entry.traces.filter((trace) => trace.traceId !== traceId),
    ].slice(0, MAX_TRACES);
  }
}
