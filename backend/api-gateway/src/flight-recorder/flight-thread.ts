import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { CopyPlan } from './copy-plan.ts';
import { BLOCK_AT, FLAGS, HEAD_BYTES, ROOM, SIGNS, writeText } from './layout.ts';
import type { BlockedLoop } from './stack-frames.ts';
import { Watchdog } from './watchdog.ts';

/** What the thread is started with. */
export interface FlightThreadData {
  readonly shared: SharedArrayBuffer;
  /** The file, opened by the main thread. */
  readonly descriptor: number;
  readonly intervalMs: number;
  /** 0: the event loop is not watched. */
  readonly blockedAfterMs: number;
}

/** What the thread tells the main thread. */
export type FlightThreadMessage =
  | { readonly kind: 'started' }
  | ({ readonly kind: 'unblocked' } & BlockedLoop)
  | { readonly kind: 'write-failed'; readonly message: string };

const { shared, descriptor, intervalMs, blockedAfterMs } = workerData as FlightThreadData;
const memory = Buffer.from(shared);
const integers = new Int32Array(shared);
const floats = new Float64Array(shared);
const tell = (message: FlightThreadMessage): void => parentPort?.postMessage(message);

const plan = new CopyPlan();
let hasFailed = false;

/** Copies the memory to the file. What is in a file outlives a kill. */
function copy(isForced: boolean): void {
  const state = {
    // before the memory: what this beat wrote is copied then
    beat: Atomics.load(integers, FLAGS.beat / 4),
    totalRequests: floats[SIGNS.totalRequests / 8] as number,
    openRequests: floats[SIGNS.openRequests / 8] as number,
  };
  const isAll = plan.needsAll(state) || isForced;
  try {
    writeSync(descriptor, memory, 0, isAll ? memory.length : HEAD_BYTES, 0);
    if (isAll) plan.copied(state);
  } catch (error) {
    if (!hasFailed) tell({ kind: 'write-failed', message: (error as Error).message });
    hasFailed = true;
  }
}

const watchdog = new Watchdog({
  integers,
  floats,
  intervalMs,
  blockedAfterMs,
  onStack: keepBlock,
  onUnblocked: (blocked) => {
    keepBlock(blocked);
    tell({ kind: 'unblocked', ...blocked });
  },
});

function keepBlock(blocked: BlockedLoop): void {
  writeText(memory, BLOCK_AT, ROOM.block, JSON.stringify(blocked));
  copy(true);
}

setInterval(() => {
  floats[SIGNS.seenAtMs / 8] = Date.now();
  floats[SIGNS.residentBytes / 8] = process.memoryUsage.rss();
  watchdog.look();
  copy(false);
}, intervalMs);
tell({ kind: 'started' });
