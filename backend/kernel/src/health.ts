import { systemClock, type Clock } from './clock.ts';

/** What one check found. */
export interface CheckResult {
  readonly status: 'up' | 'down';
  readonly responseTimeMs: number;
  /** When it was found, in milliseconds since 1970. */
  readonly checkedAtMs: number;
  /** For operators only: may name hosts. */
  readonly error?: string;
}

/** Something whose health can be asked for. */
export interface HealthCheck {
  readonly id: string;
  /** Whether the whole is unhealthy without it, or only degraded. */
  readonly required: boolean;
  readonly timeoutMs: number;
  /** For operators only: what is asked, such as a host and port. Never holds credentials. */
  readonly target?: string;
  /** Resolves when it is up, throws when it is not; should stop when the signal aborts. */
  probe(signal: AbortSignal): Promise<void>;
}

/** Overall health, by the rule: a required check down is unhealthy, an optional one down is degraded. */
export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy';

/** The health of everything that is checked. */
export interface HealthReport {
  readonly status: HealthStatus;
  readonly results: ReadonlyMap<string, CheckResult & { readonly required: boolean; readonly target?: string }>;
}

interface Entry {
  readonly check: HealthCheck;
  last?: CheckResult;
  /** Monotonic time until which `last` is an answer. */
  freshUntilMs: number;
  running?: Promise<CheckResult>;
  /** Set when a running probe may have looked too early to be believed. */
  stale?: boolean;
}

type Around = <T>(probe: () => T) => T;

/**
 * Runs health checks: each with its own timeout, each at most once at a time, each result kept for a short while.
 *
 * @example
 * const health = new HealthRegistry();
 * health.add({ id: 'database', required: true, timeoutMs: 1000, probe: () => pool.query('SELECT 1') });
 * const { status } = await health.report();
 */
export class HealthRegistry {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;
  readonly #cacheMs: number;
  readonly #around: Around;

  /** @param options `around` runs every probe, for example to keep it out of traces */
  constructor(options: { clock?: Clock; cacheMs?: number; around?: Around } = {}) {
    this.#around = options.around ?? ((probe) => probe());
    this.#clock = options.clock ?? systemClock;
    this.#cacheMs = options.cacheMs ?? 1000;
  }

  /** Adds a check. Throws when its id is taken. */
  add(check: HealthCheck): void {
    if (this.#entries.has(check.id)) throw new Error(`health check '${check.id}' is defined twice`);
    this.#entries.set(check.id, { check, freshUntilMs: -Infinity });
  }

  /** Forgets a check. */
  remove(id: string): void {
    this.#entries.delete(id);
  }

  /** The ids of all checks. */
  ids(): string[] {
    return [...this.#entries.keys()];
  }

  /** Forgets the last result, so that the next report asks anew. */
  invalidate(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.freshUntilMs = -Infinity;
    entry.stale = true;
  }

  /** Forgets the last result and asks anew at once, so that quick answers know as well: for when a connection is seen to break. */
  recheck(id: string): void {
    const running = this.#entries.get(id)?.running;
    this.invalidate(id);
    if (running === undefined) void this.report({ only: [id] });
    // what it found before the connection broke would stand in quick answers
    else void running.then(({ status }) => (status === 'up' ? this.report({ only: [id] }) : undefined));
  }

  /**
   * The health of all checks, or of those named.
   *
   * @param options `quick` answers from the last results and runs only what was never run; `only` names checks
   */
  async report(options: { quick?: boolean; only?: readonly string[] } = {}): Promise<HealthReport> {
    const entries = [...this.#entries.values()].filter((e) => options.only?.includes(e.check.id) ?? true);
    const found = await Promise.all(
      entries.map((e) => (options.quick && e.last ? Promise.resolve(e.last) : this.#current(e))),
    );
    const results = new Map<string, CheckResult & { required: boolean; target?: string }>();
    entries.forEach(({ check }, i) => {
      const { id, required, target } = check;
      results.set(id, { ...(found[i] as CheckResult), required, ...(target !== undefined && { target }) });
    });
    return { status: overall(results.values()), results };
  }

  #current(entry: Entry): Promise<CheckResult> {
    if (entry.last && this.#clock.monotonicMs() < entry.freshUntilMs) return Promise.resolve(entry.last);
    entry.running ??= this.#run(entry).finally(() => delete entry.running);
    return entry.running;
  }

  async #run(entry: Entry): Promise<CheckResult> {
    const { check } = entry;
    const startMs = this.#clock.monotonicMs();
    entry.stale = false;
    const error = await this.#around(() => probeError(check));
    const result: CheckResult = {
      status: error === undefined ? 'up' : 'down',
      responseTimeMs: this.#clock.monotonicMs() - startMs,
      checkedAtMs: this.#clock.nowMs(),
      ...(error !== undefined && { error }),
    };
    entry.last = result;
    if (!entry.stale) entry.freshUntilMs = this.#clock.monotonicMs() + this.#cacheMs;
    return result;
  }
}

async function probeError(check: HealthCheck): Promise<string | undefined> {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<string>((resolve) => {
    timer = setTimeout(() => {
      resolve(`no answer within ${check.timeoutMs} ms`);
      abort.abort();
    }, check.timeoutMs);
  });
  try {
    const probe = check.probe(abort.signal).then(() => undefined);
    return await Promise.race([probe, timeout]);
  } catch (error) {
    return error instanceof Error ? error.message || error.name : String(error);
  } finally {
    clearTimeout(timer);
  }
}

function overall(results: Iterable<CheckResult & { required: boolean }>): HealthStatus {
  let status: HealthStatus = 'healthy';
  for (const result of results) {
    if (result.status === 'up') continue;
    if (result.required) return 'unhealthy';
    status = 'degraded';
  }
  return status;
}
