import { makeDirectorySync } from '@clearway/kernel';
import type { LastWords } from '@clearway/contracts';
import { scrub, type RequestRecord } from '@clearway/telemetry';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { url as inspectorUrl } from 'node:inspector';
import { totalmem } from 'node:os';
import path from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { FlightMemory } from './flight-memory.ts';
import type { FlightThreadData, FlightThreadMessage } from './flight-thread.ts';
import { lastWordsOf, type LastWordsScope } from './last-words.ts';
import { claim, findPredecessors, newFlightName, readFile, type Predecessor } from './predecessors.ts';
import { ownIdentity } from './process-identity.ts';
import type { FlightFacts } from './read-flight.ts';
import type { BlockedLoop } from './stack-frames.ts';

/** How a flight recorder is opened. */
export interface FlightRecorderOptions {
  /** Where the files of all gateways of this machine are; made when it is not there. */
  readonly dataDirectory: string;
  /** Public port: processes that serve the same one are each other's successors. */
  readonly port: number;
  readonly version: string;
  /** An event loop that stands still for so long is blocked, in milliseconds; 0 for never. */
  readonly blockedAfterMs: number;
  /** Limit of the old generation, in bytes, where it is set by a flag. */
  readonly heapLimitBytes?: number | undefined;
  /** The event loop was blocked and goes on. */
  readonly onUnblocked: (blocked: BlockedLoop) => void;
  /** It can no longer record. */
  readonly onProblem: (message: string) => void;
}

/** Keeps what this process is doing where its successor finds it, whatever ends this one. */
export interface FlightRecorder {
  opened(record: RequestRecord, target: string): void;
  closed(record: RequestRecord): void;
  /** Resolves when requests are kept and the event loop is watched; after a while in any case. */
  readonly started: Promise<void>;
  /** The process serves from here on. */
  ready(): void;
  /** The process is about to end itself. */
  ending(cause: string, error?: unknown): void;
  /** What the last process left behind, if nobody has told of it yet. */
  readonly untold: LastWords | undefined;
  /** What the processes before this one left behind, newest first. */
  lastWords(scope: LastWordsScope & { readonly processes: number }): LastWords[];
  /** The process ends in order. */
  close(): Promise<void>;
}

const INTERVAL_MS = 100;
const START_LIMIT_MS = 2000;
/** V8 limits the old generation; its whole limit also counts room for the young one, some percent of it. */
const OLD_GENERATION_SHARE = 0.9;
const THREAD_LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

/**
 * Opens the flight recorder of this process.
 *
 * @throws Error of the file system when there is no place for its file
 */
export function openFlightRecorder(options: FlightRecorderOptions): FlightRecorder {
  const folder = openFolder(options.dataDirectory);
  const own = ownIdentity();
  const predecessors = findPredecessors(folder, options.port, own);
  const untold = tellOnce(predecessors, own.bootId);
  const startedAtMs = Math.round(Date.now() - process.uptime() * 1000);
  const facts: FlightFacts = {
    ...own,
    startedAtMs,
    version: options.version,
    node: process.version,
    memoryLimitBytes: memoryLimitBytes(),
  };
  const memory = new FlightMemory();
  memory.writeFacts(facts);
  const file = path.join(folder, newFlightName(options.port));
  const descriptor = openSync(file, 'wx', 0o600);
  const copy = (): void => void writeSync(descriptor, memory.bytes, 0, memory.bytes.length, 0);
  const heapLimitBytes = options.heapLimitBytes ?? getHeapStatistics().heap_size_limit * OLD_GENERATION_SHARE;
  const beat = (): void => {
    const { used_heap_size: used, external_memory: external } = getHeapStatistics();
    memory.beat(Date.now(), { used, limit: heapLimitBytes, external }, inspectorUrl() !== undefined);
  };
  beat();
  copy();
  const { blockedAfterMs } = options;
  const { thread, started } = startThread(
    { shared: memory.shared, descriptor, intervalMs: INTERVAL_MS, blockedAfterMs },
    options,
  );
  const timer = setInterval(beat, INTERVAL_MS).unref();
  let isReady = false;
  let end: { cause: string | null; error: string | null } = { cause: null, error: null };
  const writeEnd = (exitCode: number | null): void => {
    beat();
    memory.writeEnd({ atMs: Date.now(), exitCode, ...end });
    copy();
  };
  process.on('exit', writeEnd);
  return {
    opened: (record, target) => memory.opened(record, target),
    closed: (record) => memory.closed(record),
    started,
    ready: () => {
      isReady = true;
      memory.writeReady();
    },
    ending: (cause, error) => {
      end = { cause, error: error === undefined ? end.error : scrub(textOf(error)).slice(0, 500) };
    },
    untold,
    lastWords: ({ processes, ...scope }) => readLastWords(predecessors.slice(0, processes), own.bootId, scope),
    close: async () => {
      clearInterval(timer);
      process.off('exit', writeEnd);
      // the thread must not write to a descriptor that is somebody else's by then
      await thread.terminate();
      // one that never served has no last words: those of the process before it are still the last
      if (isReady) writeEnd(null);
      else rmSync(file, { force: true });
      closeSync(descriptor);
    },
  };
}

function openFolder(dataDirectory: string): string {
  const folder = path.join(dataDirectory, 'flight-recorder');
  makeDirectorySync(dataDirectory, { setting: 'DATA_DIRECTORY' });
  makeDirectorySync(folder, { mode: 0o700, setting: 'DATA_DIRECTORY' });
  return folder;
}

/** The newest predecessor's last words, when this is the process that is to tell of them. */
function tellOnce(predecessors: Predecessor[], bootId: string | undefined): LastWords | undefined {
  const [last] = predecessors;
  for (const [i, predecessor] of predecessors.entries()) {
    if (predecessor.isTold) continue;
    const file = claim(predecessor);
    if (file === undefined) return undefined;
    predecessors[i] = { ...predecessor, file, isTold: true };
  }
  return last === undefined || last.isTold
    ? undefined
    : readLastWords(predecessors.slice(0, 1), bootId, { records: 0, showCause: true })[0];
}

function readLastWords(
  predecessors: readonly Predecessor[],
  bootId: string | undefined,
  scope: LastWordsScope,
): LastWords[] {
  return predecessors.flatMap(({ file }) => {
    const flight = readFile(file);
    return flight === undefined ? [] : [lastWordsOf(flight, bootId, scope)];
  });
}

function startThread(
  data: FlightThreadData,
  options: FlightRecorderOptions,
): { thread: Worker; started: Promise<void> } {
  // a source runs as it is, a built file beside its like
  const entry = new URL(`./flight-thread${path.extname(import.meta.url)}`, import.meta.url);
  // nothing of the process's: neither its flags and preloads nor its variables
  const thread = new Worker(entry, { workerData: data, execArgv: [], env: {}, resourceLimits: THREAD_LIMITS });
  thread.unref();
  thread.on('error', (error) => options.onProblem(error instanceof Error ? error.message : String(error)));
  const started = new Promise<void>((resolve) => {
    // what it is for must not depend on it
    const limit = setTimeout(resolve, START_LIMIT_MS);
    const end = (): void => {
      clearTimeout(limit);
      resolve();
    };
    thread.once('exit', end);
    thread.on('message', (message: FlightThreadMessage) => {
      if (message.kind === 'unblocked') options.onUnblocked(message);
      else if (message.kind === 'write-failed') options.onProblem(message.message);
      else end();
    });
  });
  return { thread, started };
}

/** Source: cgroups(7), as Node reads it; a limit above the machine's own memory is none. */
function memoryLimitBytes(): number | null {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : null;
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
