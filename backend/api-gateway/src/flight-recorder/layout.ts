/**
 * How the flight recorder's memory and its file are laid out: the file is a copy of the memory, so that copying is all
 * that has to be done to keep it. Numbers are those of the machine, which is also the one that reads the file.
 *
 * | from        | what                                                        | written by          |
 * | ----------- | ----------------------------------------------------------- | ------------------- |
 * | 0           | the format's name, signs of life, flags                     | both threads        |
 * | `FACTS_AT`  | what is known of the process from its start (JSON)          | main, once          |
 * | `END_AT`    | how it ended, when it ended itself (JSON)                   | main, at the end    |
 * | `BLOCK_AT`  | the last time that the event loop was blocked (JSON)        | the recorder thread |
 * | `NAMES_AT`  | texts that entries refer to by number, one a line           | main                |
 * | `SLOTS_AT`  | `SLOTS` entries, one a request                              | main                |
 *
 * A JSON text stands behind its length in bytes, which is written last; 0 means that there is none.
 */
export const FORMAT = 'CLWYFR01';

/** Signs of life: places of 64-bit floats, in bytes. Times are milliseconds since 1970, sizes bytes. */
export const SIGNS = {
  /** When the main thread was last seen by itself. */
  beatAtMs: 8,
  /** When the recorder thread last copied the memory. */
  seenAtMs: 16,
  heapUsedBytes: 24,
  heapLimitBytes: 32,
  externalBytes: 40,
  residentBytes: 48,
  openRequests: 56,
  totalRequests: 64,
  /** How long the main thread has not been seen; 0 while it is. */
  blockedForMs: 72,
} as const;

/** Places of 32-bit integers, in bytes. */
export const FLAGS = {
  /** Counts up while the main thread is alive. */
  beat: 128,
  /** 1 while a debugger may have stopped the main thread: that is no blocked event loop. */
  isInspected: 132,
  /** 1 once the process serves requests. */
  isReady: 136,
} as const;

export const FACTS_AT = 256;
export const END_AT = 2048;
/** What is copied while there is nothing new but signs of life. */
export const HEAD_BYTES = 4096;
export const BLOCK_AT = 4096;
export const NAMES_AT = 16_384;
export const SLOTS_AT = 49_152;

/** Room of each area behind its length, in bytes. */
export const ROOM = {
  facts: END_AT - FACTS_AT - 4,
  end: HEAD_BYTES - END_AT - 4,
  block: NAMES_AT - BLOCK_AT - 4,
  names: SLOTS_AT - NAMES_AT - 4,
} as const;

/** Requests that are remembered, open and finished together. A power of two. */
export const SLOTS = 1024;
export const SLOT_BYTES = 512;
export const FILE_BYTES = SLOTS_AT + SLOTS * SLOT_BYTES;

/**
 * An entry: places within a slot. Its first and its last number are equal, or it was being written when it was copied:
 * a writer changes the last one first, while copies run upwards.
 */
export const ENTRY = {
  version: 0,
  textBytes: 4,
  startedAtMs: 8,
  durationMs: 16,
  upstreamMs: 24,
  bytesIn: 32,
  bytesOut: 40,
  status: 48,
  reason: 52,
  route: 56,
  upstream: 60,
  target: 64,
  state: 68,
  phase: 72,
  attempts: 76,
  kind: 80,
  /** Trace id, request id, method, client, path, and of a failure its cause: one a line, Latin-1. */
  text: 84,
  sameVersion: 508,
} as const;

export const STATE = { empty: 0, open: 1, finished: 2 } as const;

/** Number of a name that there is none of. */
export const NO_NAME = -1;

/** Writes a JSON text behind its length; one that is too long is left out, since half of it says nothing. */
export function writeText(memory: Buffer, at: number, room: number, text: string): boolean {
  if (Buffer.byteLength(text) > room) return false;
  memory.writeInt32LE(0, at);
  const bytes = memory.write(text, at + 4, room, 'utf8');
  memory.writeInt32LE(bytes, at);
  return true;
}

/** Reads what `writeText` wrote; undefined when there is nothing, or nothing whole. */
export function readText(memory: Buffer, at: number, room: number): string | undefined {
  const bytes = memory.readInt32LE(at);
  return bytes > 0 && bytes <= room ? memory.toString('utf8', at + 4, at + 4 + bytes) : undefined;
}
