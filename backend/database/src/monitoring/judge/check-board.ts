import type { DatabaseCheck, DatabaseCheckId, DatabaseEvent } from '@clearway/contracts';
import { CheckState, type Finding } from './level.ts';

const MAX_EVENTS = 200;

/** What was found about several checks. */
export type Findings = Partial<Record<DatabaseCheckId, Finding>>;

/** How every check of a database stands, and what happened to it. */
export class CheckBoard {
  readonly #nowMs: () => number;
  readonly #onEvent: ((event: DatabaseEvent) => void) | undefined;
  readonly #states = new Map<DatabaseCheckId, CheckState>();
  readonly #checks = new Map<DatabaseCheckId, DatabaseCheck>();
  readonly #events: DatabaseEvent[] = [];

  /** @param onEvent hears of every event; what it throws is its own affair */
  constructor(nowMs: () => number, onEvent?: (event: DatabaseEvent) => void) {
    this.#nowMs = nowMs;
    this.#onEvent = onEvent;
  }

  get checks(): readonly DatabaseCheck[] {
    return [...this.#checks.values()];
  }

  /** The newest first. */
  get events(): readonly DatabaseEvent[] {
    return this.#events;
  }

  /** Takes in findings; a status that changes is an event. */
  judge(findings: Findings): void {
    for (const [name, finding] of Object.entries(findings)) {
      const id = name as DatabaseCheckId;
      const state = this.#states.get(id) ?? new CheckState(id);
      this.#states.set(id, state);
      const { check, before } = state.update(finding, this.#nowMs());
      this.#checks.set(id, check);
      if (before === undefined) continue;
      this.happened({ kind: 'status', check: id, from: before, to: check.status, message: `${id}: ${check.message}` });
    }
  }

  /** Judges several checks as not answered, for the same reason. */
  skip(ids: readonly DatabaseCheckId[], skipped: string): void {
    this.judge(Object.fromEntries(ids.map((id) => [id, { skipped }])));
  }

  /** Notes an event. */
  happened(event: Omit<DatabaseEvent, 'at'>): void {
    const stamped: DatabaseEvent = { at: new Date(this.#nowMs()).toISOString(), ...event };
    this.#events.unshift(stamped);
    this.#events.length = Math.min(this.#events.length, MAX_EVENTS);
    this.#onEvent?.(stamped);
  }
}
