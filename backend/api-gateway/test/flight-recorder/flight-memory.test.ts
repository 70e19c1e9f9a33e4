import { beforeEach, describe, expect, test } from '@jest/globals';
import { FlightMemory } from '../../src/flight-recorder/flight-memory.ts';
import { ENTRY, SLOT_BYTES, SLOTS, SLOTS_AT } from '../../src/flight-recorder/layout.ts';
import { readFlight } from '../../src/flight-recorder/read-flight.ts';
import { FACTS, openRecord, readBack } from './support.ts';

const HEAP = { used: 10, limit: 100, external: 1 };
let memory: FlightMemory;
beforeEach(() => {
  memory = new FlightMemory();
  memory.writeFacts(FACTS);
});
const beat = (): void => memory.beat(1000, HEAP, false);

describe('the memory of the flight recorder', () => {
  test('knows a request from the moment it arrives, without any beat', () => {
    const record = openRecord();
    memory.opened(record, '/v1/tracks/7?token=secret');
    const flight = readBack(memory);
    expect(flight.signs.openRequests).toBe(1);
    expect(flight.entries()).toEqual([
      {
        isOpen: true,
        traceId: record.traceId,
        requestId: 'order-4711',
        method: 'GET',
        client: '192.0.2.1',
        path: '/v1/tracks/7',
        startedAtMs: record.startedAtMs,
        progress: undefined,
        outcome: undefined,
      },
    ]);
  });

  test('knows at the next beat how far it came', () => {
    const record = openRecord({ route: 'tracks', upstream: 'music', bytesIn: 5 });
    memory.opened(record, '/');
    record.attempts.push({
      spanId: 'a'.repeat(16),
      resendCount: 0,
      target: 'http://127.0.0.1:4000',
      startMs: 0,
      sentMs: 1,
      headersMs: undefined,
      endMs: undefined,
      isUploading: false,
      status: undefined,
      reason: undefined,
      cause: undefined,
    });
    beat();
    const [entry] = readBack(memory).entries();
    expect(entry?.progress).toMatchObject({
      route: 'tracks',
      upstream: 'music',
      target: 'http://127.0.0.1:4000',
      phase: 'upstream_headers',
      attempts: 1,
      bytesIn: 5,
    });
  });

  test('knows what a request came to when it ends, and where it went at the next beat', () => {
    const record = openRecord({ route: 'tracks', status: 502 });
    memory.opened(record, '/');
    record.fail('connect_refused', 'connect ECONNREFUSED\n127.0.0.1:9 password=hunter2');
    record.end();
    memory.closed(record);
    const [entry] = readBack(memory).entries();
    expect(entry).toMatchObject({ isOpen: false, progress: undefined });
    expect(entry?.outcome).toEqual({
      status: 502,
      reason: 'connect_refused',
      cause: 'connect ECONNREFUSED 127.0.0.1:9 password=[hidden]',
      durationMs: record.durationMs,
    });
    beat();
    expect(readBack(memory).entries()[0]?.progress).toMatchObject({ route: 'tracks' });
    expect(readBack(memory).signs).toMatchObject({ openRequests: 0, totalRequests: 1, heapUsedBytes: 10 });
  });

  test('writes neither query values nor what looks like a credential', () => {
    const token = 'sk_live_0123456789abcdefghij0123456789';
    memory.opened(openRecord(), `/reset/${token}?password=hunter2&x=${token}`);
    beat();
    const file = Buffer.from(memory.bytes).toString('latin1');
    expect(file).not.toContain(token);
    expect(file).not.toContain('hunter2');
    expect(readBack(memory).entries()[0]?.path).toBe('/reset/[hidden]');
  });

  test('holds the last requests that finished, and every open one', () => {
    const open = openRecord();
    memory.opened(open, '/open');
    for (let i = 0; i < 3 * SLOTS; i++) {
      const record = openRecord();
      memory.opened(record, `/${i}`);
      record.end();
      memory.closed(record);
      if (i % 100 === 0) beat();
    }
    const entries = readBack(memory).entries();
    expect(entries).toHaveLength(SLOTS);
    expect(entries.filter(({ isOpen }) => isOpen).map(({ path }) => path)).toEqual(['/open']);
    const paths = new Set(entries.map(({ path }) => path));
    for (let i = 3 * SLOTS - 1; i > 2 * SLOTS; i--) expect(paths).toContain(`/${i}`);
  });

  test('gives up streams before requests when most slots are held, so that new ones are recorded', () => {
    const open = Array.from({ length: SLOTS }, (_, i) => openRecord({ kind: i % 2 === 0 ? 'stream' : 'exchange' }));
    for (const record of open) memory.opened(record, `/${record.kind}`);
    memory.opened(openRecord(), '/one-too-many');
    beat();
    memory.opened(openRecord(), '/new');
    const entries = readBack(memory).entries();
    const count = (path: string): number => entries.filter((entry) => entry.path === path).length;
    expect([count('/stream'), count('/exchange'), count('/new'), count('/one-too-many')]).toEqual([256, 512, 1, 0]);
    expect(readBack(memory).signs.openRequests).toBe(SLOTS + 2);
    // those that were given up end like any other
    for (const record of open) {
      record.end();
      memory.closed(record);
    }
    expect(readBack(memory).signs.openRequests).toBe(2);
  });

  test('cuts what is too long, and stays within its slot', () => {
    const long = openRecord({ requestId: 'r'.repeat(500), clientAddress: 'c'.repeat(500) });
    const neighbour = openRecord();
    memory.opened(long, `/${'p '.repeat(5000)}`);
    memory.opened(neighbour, '/neighbour');
    long.fail('internal', `${'é€'.repeat(500)}`);
    long.end();
    memory.closed(long);
    const entries = readBack(memory).entries();
    expect(entries.map(({ path }) => path.length <= 240)).toEqual([true, true]);
    expect(entries[1]?.path).toBe('/neighbour');
    expect(entries[0]).toMatchObject({ traceId: long.traceId, outcome: { reason: 'internal' } });
    expect(entries[0]?.outcome?.cause).toMatch(/^(é\?)*é?$/);
  });
});

describe('the file of the flight recorder', () => {
  test('leaves out an entry that was being written when it was copied', () => {
    memory.opened(openRecord(), '/first');
    memory.opened(openRecord(), '/second');
    const torn = Buffer.from(memory.bytes);
    torn.writeInt32LE(99, SLOTS_AT + SLOT_BYTES + ENTRY.sameVersion);
    expect(
      readFlight(torn)
        ?.entries()
        .map(({ path }) => path),
    ).toEqual(['/first']);
  });

  test('is not read when it is cut, of another version, or holds no facts', () => {
    const file = Buffer.from(memory.bytes);
    expect(readFlight(file)).toBeDefined();
    expect(readFlight(file.subarray(0, 1000))).toBeUndefined();
    expect(readFlight(Buffer.concat([Buffer.from('CLWYFR99'), file.subarray(8)]))).toBeUndefined();
    expect(readFlight(Buffer.from(new FlightMemory().bytes))).toBeUndefined();
  });

  test('survives any damage to its contents', () => {
    memory.opened(openRecord(), '/first');
    memory.writeEnd({ atMs: 1, cause: null, exitCode: 0, error: null });
    let seed = 7;
    for (let round = 0; round < 200; round++) {
      const file = Buffer.from(memory.bytes);
      for (let i = 0; i < 50; i++) {
        seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
        file[8 + (seed % 50_000)] = seed >> 16;
      }
      expect(() => readFlight(file)?.entries()).not.toThrow();
    }
  });
});
