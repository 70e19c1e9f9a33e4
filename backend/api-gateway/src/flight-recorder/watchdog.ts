import { FLAGS, SIGNS } from './layout.ts';
import { inspectMainThread, type MainThreadInspector } from './main-thread-inspector.ts';
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
  readonly inspect?: () => MainThreadInspector;
}

/** After so long another stack of a loop that is blocked again and again is taken: each costs some 30 ms. */
const STACK_EVERY_MS = 60_000;
/** One that is blocked for so long may never go on: its stack is taken in any case. */
const SURELY_BLOCKED_MS = 5000;
const HEAP_EVERY_MS = 500;

/**
 * Watches the main thread from the recorder thread: when its beat stops, its stack is taken.
 *
 * States: seen → blocked (the stack is taken) → seen. Time counts in looks of the watchdog, since a machine that was
 * asleep, or a thread that got no processor, is no blocked event loop.
 */
export function openWatchdog(options: WatchdogOptions): { look(): void } {
  const { integers, floats, intervalMs, blockedAfterMs } = options;
  let beat = 0;
  let stillForMs = 0;
  let lastLookMs = performance.now();
  let lastStackMs = -Infinity;
  let block: Block | undefined;

  const seen = (): void => {
    if (stillForMs > blockedAfterMs) options.onUnblocked(describeBlock(stillForMs, block?.frames ?? []));
    block?.close();
    block = undefined;
    stillForMs = 0;
  };
  const mayTakeStack = (nowMs: number): boolean =>
    block === undefined && (nowMs - lastStackMs > STACK_EVERY_MS || stillForMs > SURELY_BLOCKED_MS);

  return {
    look() {
      const nowMs = performance.now();
      const passedMs = Math.min(nowMs - lastLookMs, 2 * intervalMs);
      lastLookMs = nowMs;
      const current = Atomics.load(integers, FLAGS.beat / 4);
      const isStill = current === beat && beat > 0 && blockedAfterMs > 0 && integers[FLAGS.isInspected / 4] === 0;
      beat = current;
      if (isStill) stillForMs += passedMs;
      else seen();
      const isBlocked = stillForMs > blockedAfterMs;
      floats[SIGNS.blockedForMs / 8] = isBlocked ? stillForMs : 0;
      if (isBlocked && mayTakeStack(nowMs)) {
        lastStackMs = nowMs;
        // main may have gone on before it was stopped: then it was stopped anywhere
        const isStillThere = (): boolean => Atomics.load(integers, FLAGS.beat / 4) === current;
        block = new Block(options.inspect ?? inspectMainThread, isStillThere, (frames) => {
          options.onStack(describeBlock(stillForMs, frames));
        });
      }
      block?.look(nowMs, (bytes) => (floats[SIGNS.heapUsedBytes / 8] = bytes));
    },
  };
}

function describeBlock(forMs: number, frames: readonly StackFrame[]): BlockedLoop {
  return { atMs: Date.now() - forMs, forMs: Math.round(forMs), frames };
}

/** One time that the main thread is blocked: its stack, and how its heap grows, since it cannot tell itself. */
class Block {
  frames: readonly StackFrame[] = [];
  readonly #inspector: MainThreadInspector;
  #heapAskedMs = 0;
  #isClosed = false;

  constructor(
    inspect: () => MainThreadInspector,
    isStillThere: () => boolean,
    onStack: (frames: readonly StackFrame[]) => void,
  ) {
    this.#inspector = inspect();
    this.#inspector.stack().then(
      (frames) => {
        if (this.#isClosed || !isStillThere()) return;
        this.frames = frames;
        onStack(frames);
      },
      () => undefined,
    );
  }

  look(nowMs: number, onHeap: (usedBytes: number) => void): void {
    if (this.frames.length === 0 || nowMs - this.#heapAskedMs < HEAP_EVERY_MS) return;
    this.#heapAskedMs = nowMs;
    this.#inspector.heapUsedBytes().then(
      (bytes) => {
        if (!this.#isClosed) onHeap(bytes);
      },
      () => undefined,
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#inspector.close();
  }
}
