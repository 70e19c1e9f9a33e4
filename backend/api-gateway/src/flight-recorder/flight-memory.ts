import { phaseOf, scrub, scrubPath, type RequestRecord } from '@clearway/telemetry';
import {
  END_AT,
  ENTRY,
  FACTS_AT,
  FILE_BYTES,
  FLAGS,
  FORMAT,
  NAMES_AT,
  NO_NAME,
  ROOM,
  SIGNS,
  SLOT_BYTES,
  SLOTS,
  SLOTS_AT,
  STATE,
  writeText,
} from './layout.ts';

const NEW_LINE = 10;
const QUESTION_MARK = 63;
const MAX_PATH_CHARACTERS = 240;
const MAX_METHOD_CHARACTERS = 24;
/** Room that a path leaves for the cause of a failure, at least. */
const CAUSE_CHARACTERS = 80;
/** The last line feed stands before the number that ends the entry. */
const TEXT_END = ENTRY.sameVersion - 1;
/** So many slots are kept free for requests to come: those that have been open the longest give theirs up. */
const LEAST_FREE = SLOTS / 4;

/**
 * The memory that the main thread and the recorder thread share, as the main thread writes it. It knows the last
 * requests and the open ones at any moment, also when the main thread never gets to run again: everything that could
 * name the culprit is written when a request arrives. Both writes of a request take a third of a microsecond (record 24).
 *
 * Slots are taken in turn, and an open request keeps its own, so that the free ones hold the last that finished.
 */
export class FlightMemory {
  readonly shared = new SharedArrayBuffer(FILE_BYTES);
  readonly #bytes = Buffer.from(this.shared);
  readonly #integers = new Int32Array(this.shared);
  readonly #floats = new Float64Array(this.shared);
  readonly #owners: (RequestRecord | undefined)[] = new Array<RequestRecord | undefined>(SLOTS).fill(undefined);
  readonly #free = Int32Array.from({ length: SLOTS }, (_, slot) => slot);
  #firstFree = 0;
  #freeCount = SLOTS;
  #version = 0;
  #openCount = 0;
  #totalCount = 0;
  readonly #names = new Map<string, number>();
  #nameBytes = 0;

  constructor() {
    this.#bytes.write(FORMAT, 0, 'latin1');
  }

  /** The memory as a file holds it. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** What is known of the process from its start. */
  writeFacts(facts: object): void {
    writeText(this.#bytes, FACTS_AT, ROOM.facts, JSON.stringify(facts));
  }

  /** How the process ended: without this it did not end by itself. */
  writeEnd(end: object): void {
    writeText(this.#bytes, END_AT, ROOM.end, JSON.stringify(end));
  }

  /** The process serves requests from here on. */
  writeReady(): void {
    this.#integers[FLAGS.isReady / 4] = 1;
  }

  /**
   * A request arrived.
   *
   * @param target as in its request line; its query is not kept
   */
  opened(record: RequestRecord, target: string): void {
    this.#floats[SIGNS.openRequests / 8] = ++this.#openCount;
    this.#floats[SIGNS.totalRequests / 8] = ++this.#totalCount;
    if (this.#freeCount === 0) return;
    const slot = this.#free[this.#firstFree] as number;
    this.#firstFree = (this.#firstFree + 1) % SLOTS;
    this.#freeCount--;
    record.flightSlot = slot;
    this.#owners[slot] = record;
    const at = SLOTS_AT + slot * SLOT_BYTES;
    const integers = this.#integers;
    const version = this.#begin(at);
    let end = this.#line(record.traceId, at + ENTRY.text, 32);
    end = this.#line(record.requestId, end, 128);
    end = this.#line(record.method, end, MAX_METHOD_CHARACTERS);
    end = this.#line(record.clientAddress, end, 45);
    end = this.#path(target, end, at + TEXT_END - CAUSE_CHARACTERS);
    integers[(at + ENTRY.textBytes) >> 2] = end - at - ENTRY.text;
    this.#floats[(at + ENTRY.startedAtMs) >> 3] = record.startedAtMs;
    // until the first beat nothing else is known of it: what the slot's last request left is not to be read
    integers[(at + ENTRY.phase) >> 2] = NO_NAME;
    integers[(at + ENTRY.state) >> 2] = STATE.open;
    this.#publish(at, version);
  }

  /** A request ended. What it came to is written now, where it went at the next beat. */
  closed(record: RequestRecord): void {
    this.#floats[SIGNS.openRequests / 8] = --this.#openCount;
    const slot = record.flightSlot;
    if (slot === -1) return;
    const at = SLOTS_AT + slot * SLOT_BYTES;
    const integers = this.#integers;
    const version = this.#begin(at);
    this.#floats[(at + ENTRY.durationMs) >> 3] = record.durationMs;
    integers[(at + ENTRY.status) >> 2] = record.status;
    integers[(at + ENTRY.reason) >> 2] = this.#nameOf(record.reason);
    integers[(at + ENTRY.state) >> 2] = STATE.finished;
    if (record.cause !== undefined) this.#cause(record.cause, at);
    this.#publish(at, version);
    record.flightSlot = -1;
    this.#giveBack(slot);
  }

  /**
   * Signs of life, and how far the open requests have come.
   *
   * @param nowMs milliseconds since 1970
   * @param heap sizes in bytes
   */
  beat(nowMs: number, heap: { used: number; limit: number; external: number }, isInspected: boolean): void {
    const floats = this.#floats;
    floats[SIGNS.beatAtMs / 8] = nowMs;
    floats[SIGNS.heapUsedBytes / 8] = heap.used;
    floats[SIGNS.heapLimitBytes / 8] = heap.limit;
    floats[SIGNS.externalBytes / 8] = heap.external;
    this.#integers[FLAGS.isInspected / 4] = Number(isInspected);
    if (this.#freeCount < LEAST_FREE) this.#giveUpOldest();
    this.#owners.forEach((record, slot) => record !== undefined && this.#refresh(record, slot));
    Atomics.add(this.#integers, FLAGS.beat / 4, 1);
  }

  #refresh(record: RequestRecord, slot: number): void {
    const at = SLOTS_AT + slot * SLOT_BYTES;
    const version = this.#begin(at);
    this.#progress(record, at);
    this.#integers[(at + ENTRY.phase) >> 2] = this.#nameOf(phaseOf(record));
    this.#publish(at, version);
    if (record.ended) this.#owners[slot] = undefined;
  }

  /** Where a request went. */
  #progress(record: RequestRecord, at: number): void {
    const { attempts } = record;
    const floats = this.#floats;
    const integers = this.#integers;
    floats[(at + ENTRY.upstreamMs) >> 3] = record.ended ? record.upstreamMs() : 0;
    floats[(at + ENTRY.bytesIn) >> 3] = record.bytesIn;
    floats[(at + ENTRY.bytesOut) >> 3] = record.bytesOut;
    integers[(at + ENTRY.status) >> 2] = record.status;
    integers[(at + ENTRY.attempts) >> 2] = attempts.length;
    integers[(at + ENTRY.route) >> 2] = this.#nameOf(record.route);
    integers[(at + ENTRY.upstream) >> 2] = this.#nameOf(record.upstream);
    integers[(at + ENTRY.kind) >> 2] = this.#nameOf(record.kind);
    integers[(at + ENTRY.target) >> 2] = this.#nameOf(attempts[attempts.length - 1]?.target);
  }

  #giveBack(slot: number): void {
    this.#free[(this.#firstFree + this.#freeCount) % SLOTS] = slot;
    this.#freeCount++;
  }

  /** Streams and upgrades are open for hours: they must not keep the requests that come from being recorded. */
  #giveUpOldest(): void {
    const rank = (record: RequestRecord): number => (record.kind === 'exchange' ? Infinity : 0);
    const open = this.#owners.filter((record) => record !== undefined && !record.ended) as RequestRecord[];
    open.sort((a, b) => (rank(a) === rank(b) ? a.startedAtMs - b.startedAtMs : rank(a) - rank(b)));
    for (const record of open.slice(0, LEAST_FREE - this.#freeCount)) {
      const slot = record.flightSlot;
      this.#integers[(SLOTS_AT + slot * SLOT_BYTES + ENTRY.state) >> 2] = STATE.empty;
      this.#owners[slot] = undefined;
      record.flightSlot = -1;
      this.#giveBack(slot);
    }
  }

  #begin(at: number): number {
    const version = (this.#version = (this.#version + 1) | 0);
    this.#integers[(at + ENTRY.sameVersion) >> 2] = version;
    return version;
  }

  #publish(at: number, version: number): void {
    Atomics.store(this.#integers, at >> 2, version);
  }

  /** Character by character: as dear as one `Buffer.write` of the joined text, but it leaves no garbage. */
  #line(text: string, at: number, room: number): number {
    const bytes = this.#bytes;
    const length = text.length < room ? text.length : room;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      bytes[at + i] = code < 256 ? code : QUESTION_MARK;
    }
    bytes[at + length] = NEW_LINE;
    return at + length + 1;
  }

  /** The path of a target, hidden where it looks like a credential, as in the access log. */
  #path(target: string, at: number, limit: number): number {
    const mark = target.indexOf('?');
    const path = scrubPath(mark === -1 ? target : target.slice(0, mark));
    return this.#line(path, at, Math.min(MAX_PATH_CHARACTERS, limit - at));
  }

  #cause(cause: string, at: number): void {
    const textBytes = this.#integers[(at + ENTRY.textBytes) >> 2] as number;
    const start = at + ENTRY.text + textBytes;
    const end = this.#line(scrub(cause).replaceAll('\n', ' '), start, at + TEXT_END - start);
    this.#integers[(at + ENTRY.textBytes) >> 2] = end - at - ENTRY.text;
  }

  /** A text by number: the few that come again and again are written once. */
  #nameOf(name: string | undefined): number {
    if (name === undefined) return NO_NAME;
    return this.#names.get(name) ?? this.#addName(name);
  }

  #addName(name: string): number {
    const line = Buffer.from(`${name.replaceAll('\n', ' ')}\n`);
    const used = this.#nameBytes;
    if (used + line.length > ROOM.names) return NO_NAME;
    line.copy(this.#bytes, NAMES_AT + 4 + used);
    this.#nameBytes = used + line.length;
    this.#bytes.writeInt32LE(this.#nameBytes, NAMES_AT);
    this.#names.set(name, this.#names.size);
    return this.#names.size - 1;
  }
}
