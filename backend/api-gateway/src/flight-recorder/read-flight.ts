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

/** One request of a file. */
export interface FlightEntry {
  readonly isOpen: boolean;
  readonly traceId: string;
  readonly requestId: string;
  readonly method: string;
  readonly client: string;
  readonly path: string;
  readonly startedAtMs: number;
  /** Where it went, at the last beat; undefined when it arrived after that. */
  readonly progress: FlightProgress | undefined;
  /** What it came to; undefined while it is open. */
  readonly outcome: FlightOutcome | undefined;
}

/** Where a request went. */
export interface FlightProgress {
  readonly route: string | undefined;
  readonly upstream: string | undefined;
  readonly target: string | undefined;
  readonly kind: string | undefined;
  /** How far it had come. */
  readonly phase: string | undefined;
  /** 0 while the client was given none. */
  readonly status: number;
  readonly attempts: number;
  readonly upstreamMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What a request came to. */
export interface FlightOutcome {
  readonly status: number;
  readonly reason: string | undefined;
  readonly cause: string | undefined;
  readonly durationMs: number;
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
  const hasBeat = integer(ENTRY.phase) !== NO_NAME;
  return {
    isOpen,
    traceId,
    requestId,
    method,
    client,
    path,
    startedAtMs: slot.readDoubleLE(ENTRY.startedAtMs),
    progress: hasBeat ? readProgress(slot, names) : undefined,
    outcome: isOpen ? undefined : readOutcome(slot, names, cause),
  };
}

function readProgress(slot: Buffer, names: readonly string[]): FlightProgress {
  const name = (at: number): string | undefined => names[slot.readInt32LE(at)];
  return {
    route: name(ENTRY.route),
    upstream: name(ENTRY.upstream),
    target: name(ENTRY.target),
    kind: name(ENTRY.kind),
    phase: name(ENTRY.phase),
    status: slot.readInt32LE(ENTRY.status),
    attempts: slot.readInt32LE(ENTRY.attempts),
    upstreamMs: slot.readDoubleLE(ENTRY.upstreamMs),
    bytesIn: slot.readDoubleLE(ENTRY.bytesIn),
    bytesOut: slot.readDoubleLE(ENTRY.bytesOut),
  };
}

function readOutcome(slot: Buffer, names: readonly string[], cause: string | undefined): FlightOutcome {
  return {
    status: slot.readInt32LE(ENTRY.status),
    reason: names[slot.readInt32LE(ENTRY.reason)],
    cause: cause || undefined,
    durationMs: slot.readDoubleLE(ENTRY.durationMs),
  };
}
