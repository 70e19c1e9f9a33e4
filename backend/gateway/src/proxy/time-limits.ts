import type { RequestRecord } from '@clearway/telemetry';
import type { UpstreamConfiguration } from '../configuration/schema.ts';

/** Which limit is over: of the running phase, of the whole request, of a body that does not move, or of an answer that is not taken. */
export type ExpiredLimit = 'phase' | 'total' | 'upload' | 'unread';

/** Whose time is limited. */
export interface Limited {
  /** Whether the client does not take what there is of its answer: then no upstream is to be blamed. */
  isAnswerUnread(): boolean;
  /** While the client's body is on its way: how long it may go on not moving, in milliseconds; undefined otherwise. */
  uploadLeftMs(nowMs: number): number | undefined;
  onTimeLimit(limit: ExpiredLimit): void;
}

/**
 * The time limits of one attempt. A timer that looks earlier than the next deadline stays: it finds that there is time
 * left and waits on, so that most requests need only one.
 */
export class TimeLimits {
  readonly #limited: Limited;
  readonly #record: RequestRecord;
  readonly #timeouts: UpstreamConfiguration['timeouts'];
  #timer: NodeJS.Timeout | undefined;
  #looking: NodeJS.Immediate | undefined;
  /** When the timer looks, and when the running phase is over; in milliseconds since the record's start. */
  #timerMs = Infinity;
  #deadlineMs = 0;
  #isTotalExempt = false;

  constructor(limited: Limited, record: RequestRecord, timeouts: UpstreamConfiguration['timeouts']) {
    this.#limited = limited;
    this.#record = record;
    this.#timeouts = timeouts;
  }

  /** Begins a phase that may take `ms`; `totalMs` ends every phase. */
  expectWithin(ms: number): void {
    const nowMs = this.#record.elapsedMs();
    this.#deadlineMs = nowMs + ms;
    if (this.#deadlineMs < this.#timerMs) this.#lookAfter(Math.min(ms, this.#totalLeftMs()), nowMs);
  }

  /** Something came, or the client took something: the next piece has the whole idle time again. */
  extendIdle(): void {
    this.#deadlineMs = this.#record.elapsedMs() + this.#timeouts.idleMs;
  }

  /** What has no natural end is not bounded as a whole. */
  exemptFromTotal(): void {
    this.#isTotalExempt = true;
  }

  clear(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#looking);
  }

  /**
   * For the timer only: has a look as soon as everything was heard that has come. When the process was held up, what it
   * waited for may have come in time, and nobody else is to be blamed.
   */
  lookSoon(): void {
    this.#looking = setImmediate(look, this);
  }

  /** Looks whether a limit is over. */
  look(): void {
    const { idleMs, totalMs } = this.#timeouts;
    const totalLeftMs = this.#totalLeftMs();
    if (totalLeftMs === 0) return this.#limited.onTimeLimit('total');
    const nowMs = this.#record.elapsedMs();
    const uploadLeftMs = this.#limited.uploadLeftMs(nowMs);
    if (uploadLeftMs !== undefined) {
      if (uploadLeftMs <= 0) return this.#limited.onTimeLimit('upload');
      return this.#lookAfter(Math.min(uploadLeftMs, totalLeftMs), nowMs);
    }
    const leftMs = this.#deadlineMs - nowMs;
    const isUnread = this.#limited.isAnswerUnread();
    // only a stream comes here: a client that never reads must not hold it for ever
    if (isUnread && -leftMs > totalMs) return this.#limited.onTimeLimit('unread');
    if (leftMs <= 0 && !isUnread) return this.#limited.onTimeLimit('phase');
    this.#lookAfter(Math.min(leftMs > 0 ? leftMs : idleMs, totalLeftMs), nowMs);
  }

  #lookAfter(ms: number, nowMs: number): void {
    clearTimeout(this.#timer);
    this.#timerMs = nowMs + ms;
    this.#timer = setTimeout(lookSoon, ms, this);
  }

  #totalLeftMs(): number {
    if (this.#isTotalExempt) return Infinity;
    return Math.max(0, this.#timeouts.totalMs - this.#record.elapsedMs());
  }
}

function lookSoon(limits: TimeLimits): void {
  limits.lookSoon();
}

function look(limits: TimeLimits): void {
  limits.look();
}
