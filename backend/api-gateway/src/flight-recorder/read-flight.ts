import type { ProcessIdentity } from './process-identity.ts';
import {
  BLOCK_AT,
  END_AT,
  ENTRY,
  FACTS_AT,
  FILE_BYTES,
  FLAGS,
  FORMAT,
  NAMES_AT,
  NO_NAME,
  readText,
  ROOM,
  SIGNS,
  SLOT_BYTES,
  SLOTS,
  SLOTS_AT,
  STATE,
} from './layout.ts';
import type { BlockedLoop } from './stack-frames.ts';

/** What a process was, as far as it knew when it started. */
export interface FlightFacts extends ProcessIdentity {
  readonly startedAtMs: number;
  readonly version: string;
  readonly node: string;
  /** What the system lets the process have, in bytes; null without a limit. */
  readonly memoryLimitBytes: number | null;
}

/** How a process ended that ended itself. */
export interface FlightEnd {
  readonly atMs: number;
  /** What made it end, such as `SIGTERM`. */
  readonly cause: string | null;
  /** Null when it is not known: it was about to end in order. */
  readonly exitCode: number | null;
  readonly error: string | null;
}

/** One request of a file. What was not known yet is undefined. */
export interface FlightEntry {
  readonly isOpen: boolean;
  readonly traceId: string;
  readonly requestId: string;
  readonly method: string;
  readonly client: string;
  readonly path: string;
  readonly startedAtMs: number;
  /** How far it came; undefined when it arrived after the last beat, and for a finished one. */
  readonly phase: string | undefined;
  readonly progress: FlightProgress | undefined;
}

/** What becomes known of a request on its way. */
export interface FlightProgress {
  readonly route: string | undefined;
  readonly upstream: string | undefined;
  readonly target: string | undefined;
  readonly kind: string | undefined;
  readonly status: number;
  readonly reason: string | undefined;
  readonly cause: string | undefined;
  readonly attempts: number;
  readonly durationMs: number | undefined;
  readonly upstreamMs: number | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A flight recorder's file. */
export interface Flight {
  readonly facts: FlightFacts;
  readonly end: FlightEnd | undefined;
  readonly block: BlockedLoop | undefined;
  readonly signs: Readonly<Record<keyof typeof SIGNS, number>>;
  readonly isReady: boolean;
  entries(): FlightEntry[];
}

/** Reads a file; undefined when it is none of this version's. Entries that were being written are left out. */
export function readFlight(file: Buffer): Flight | undefined {
  if (file.length !== FILE_BYTES || file.toString('latin1', 0, FORMAT.length) !== FORMAT) return undefined;
  const facts = readJson<FlightFacts>(file, FACTS_AT, ROOM.facts);
  if (facts === undefined) return undefined;
  const signs = Object.fromEntries(Object.entries(SIGNS).map(([name, at]) => [name, file.readDoubleLE(at)]));
  return {
    facts,
    end: readJson<FlightEnd>(file, END_AT, ROOM.end),
    block: readJson<BlockedLoop>(file, BLOCK_AT, ROOM.block),
    signs: signs as Flight['signs'],
    isReady: file.readInt32LE(FLAGS.isReady) === 1,
    entries: () => readEntries(file),
  };
}

function readJson<T>(file: Buffer, at: number, room: number): T | undefined {
  const text = readText(file, at, room);
  try {
    return text === undefined ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined; // it was being written
  }
}

function readEntries(file: Buffer): FlightEntry[] {
  const names = (readText(file, NAMES_AT, ROOM.names) ?? '').split('\n');
  const slots = Array.from({ length: SLOTS }, (_, slot) => file.subarray(SLOTS_AT + slot * SLOT_BYTES));
  return slots.map((slot) => readEntry(slot, names)).filter((entry) => entry !== undefined);
}

function readEntry(slot: Buffer, names: readonly string[]): FlightEntry | undefined {
  const integer = (at: number): number => slot.readInt32LE(at);
  const state = integer(ENTRY.state);
  const isWhole = integer(ENTRY.version) === integer(ENTRY.sameVersion);
  if (!isWhole || (state !== STATE.open && state !== STATE.finished)) return undefined;
  const text = slot.toString('latin1', ENTRY.text, ENTRY.text + integer(ENTRY.textBytes));
  const [traceId = '', requestId = '', method = '', client = '', path = '', cause] = text.split('\n');
  if (!/^[0-9a-f]{32}$/.test(traceId)) return undefined;
  const isOpen = state === STATE.open;
  const isArriving = isOpen && integer(ENTRY.phase) === NO_NAME;
  return {
    isOpen,
    traceId,
    requestId,
    method,
    client,
    path,
    startedAtMs: slot.readDoubleLE(ENTRY.startedAtMs),
    phase: isOpen ? names[integer(ENTRY.phase)] : undefined,
    progress: isArriving ? undefined : readProgress(slot, names, isOpen, cause),
  };
}

function readProgress(
  slot: Buffer,
  names: readonly string[],
  isOpen: boolean,
  cause: string | undefined,
): FlightProgress {
  const name = (at: number): string | undefined => names[slot.readInt32LE(at)];
  return {
    route: name(ENTRY.route),
    upstream: name(ENTRY.upstream),
    target: name(ENTRY.target),
    kind: name(ENTRY.kind),
    status: slot.readInt32LE(ENTRY.status),
    reason: name(ENTRY.reason),
    cause: cause || undefined,
    attempts: slot.readInt32LE(ENTRY.attempts),
    durationMs: isOpen ? undefined : slot.readDoubleLE(ENTRY.durationMs),
    upstreamMs: isOpen ? undefined : slot.readDoubleLE(ENTRY.upstreamMs),
    bytesIn: slot.readDoubleLE(ENTRY.bytesIn),
    bytesOut: slot.readDoubleLE(ENTRY.bytesOut),
  };
}
