import { FLAGS, SIGNS } from './layout.ts';
import { mainThreadInspector, type MainThreadInspector } from './main-thread-inspector.ts';
import type { BlockedLoop, StackFrame } from './stack-frames.ts';

/** What the watchdog looks at, and whom it tells. */
export interface WatchdogOptions {
  readonly integers: Int32Array;
  readonly floats: Float64Array;
  readonly intervalMs: number;
  /** An event loop that stands still for so long is blocked; 0 for never. */
  readonly blockedAfterMs: number;
  /** The stack is known; the loop may never go on. */
  readonly onStack: (blocked: BlockedLoop) => void;
  /** The loop goes on. */
  readonly onUnblocked: (blocked: BlockedLoop) => void;
  /** A test gives its own. */
  readonly inspector?: MainThreadInspector;
}

const HEAP_EVERY_MS = 500;

/**
 * Watches the main thread from the recorder thread: when its beat stops, it is asked for its stack, and then for the size of
 * its heap, since it cannot tell of them itself.
 *
 * Time counts in looks of the watchdog, since a machine that was asleep, or a thread that got no processor, is no blocked
 * event loop.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #inspector: MainThreadInspector;
  #beat = 0;
  #stillForMs = 0;
  #lastLookMs = performance.now();
  #frames: readonly StackFrame[] | undefined;
  #heapAskedMs = 0;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#inspector = options.inspector ?? mainThreadInspector;
  }

  /** To be called in each interval. */
  look(): void {
    const { integers, floats, intervalMs, blockedAfterMs } = this.#options;
    const nowMs = performance.now();
    const passedMs = Math.min(nowMs - this.#lastLookMs, 2 * intervalMs);
    this.#lastLookMs = nowMs;
    const beat = this.#currentBeat();
    const isStill = beat === this.#beat && beat > 0 && blockedAfterMs > 0 && integers[FLAGS.isInspected / 4] === 0;
    this.#beat = beat;
    if (!isStill) this.#seen();
    else this.#stillForMs += passedMs;
    const isBlocked = this.#stillForMs > blockedAfterMs;
    floats[SIGNS.blockedForMs / 8] = isBlocked ? this.#stillForMs : 0;
    if (!isBlocked) return;
    if (this.#frames === undefined) this.#askForStack();
    else if (nowMs - this.#heapAskedMs > HEAP_EVERY_MS) this.#askForHeap(nowMs);
  }

  #currentBeat(): number {
    return Atomics.load(this.#options.integers, FLAGS.beat / 4);
  }

  #seen(): void {
    if (this.#stillForMs > this.#options.blockedAfterMs) this.#options.onUnblocked(this.#describe());
    this.#frames = undefined;
    this.#stillForMs = 0;
  }

  #askForStack(): void {
    this.#frames = [];
    const beat = this.#beat;
    this.#inspector.stack().then(
      (frames) => {
        // it may have gone on before it answered: then it answered from anywhere
        if (this.#currentBeat() !== beat) return;
        this.#frames = frames;
        this.#options.onStack(this.#describe());
      },
      () => undefined,
    );
  }

  #askForHeap(nowMs: number): void {
    this.#heapAskedMs = nowMs;
    const beat = this.#beat;
    this.#inspector.heapUsedBytes().then(
      (bytes) => {
        if (this.#currentBeat() === beat) this.#options.floats[SIGNS.heapUsedBytes / 8] = bytes;
      },
      () => undefined,
    );
  }

  #describe(): BlockedLoop {
    const forMs = Math.round(this.#stillForMs);
    return { atMs: Date.now() - forMs, forMs, frames: this.#frames ?? [] };
  }
}
