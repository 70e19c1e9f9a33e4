import { newSpanId, newTraceId, RequestRecord } from '@clearway/telemetry';
import type { FlightMemory } from '../../src/flight-recorder/flight-memory.ts';
import { readFlight, type Flight, type FlightFacts } from '../../src/flight-recorder/read-flight.ts';
import { FLAGS, SIGNS } from '../../src/flight-recorder/layout.ts';

export const FACTS: FlightFacts = {
  pid: 4711,
  host: 'here',
  bootId: 'boot',
  startTicks: 1,
  startedAtMs: Date.UTC(2026, 0, 1),
  version: '1.2.3',
  node: 'v24.0.0',
  memoryLimitBytes: null,
};

/** A request as the gateway opens it. */
export function openRecord(fields: Partial<RequestRecord> = {}): RequestRecord {
  const record = new RequestRecord({
    traceId: newTraceId(),
    spanId: newSpanId(),
    parentSpanId: undefined,
    traceState: undefined,
    requestId: 'order-4711',
    method: 'GET',
    scheme: 'http',
    host: 'api.example.com',
    httpVersion: '1.1',
    clientAddress: '192.0.2.1',
    userAgent: undefined,
  });
  return Object.assign(record, fields);
}

/** What a successor would find in the file. */
export function readBack(memory: FlightMemory): Flight {
  const flight = readFlight(Buffer.from(memory.bytes));
  if (flight === undefined) throw new Error('the file cannot be read');
  return flight;
}

/** A flight of which only the given signs, facts and flags are of interest. */
export function flightWith(
  parts: Partial<Omit<Flight, 'signs' | 'facts'>> & {
    signs?: Partial<Record<keyof typeof SIGNS, number>>;
    facts?: Partial<FlightFacts>;
  },
): Flight {
  const none = Object.fromEntries(Object.keys(SIGNS).map((name) => [name, 0])) as Flight['signs'];
  return {
    end: undefined,
    block: undefined,
    isReady: true,
    entries: () => [],
    ...parts,
    signs: { ...none, ...parts.signs },
    facts: { ...FACTS, ...parts.facts },
  };
}

export { FLAGS, SIGNS };
