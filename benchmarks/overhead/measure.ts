import type { Generator, Load, LoadOrder } from './generator.ts';
import type { ServerName } from './options.ts';
import type { Placement } from './processes.ts';
import { busyShare, readCpuTimes, readUsage } from './proc.ts';
import type { Server } from './server.ts';

/** What one slice of one server came to. */
export interface Slice {
  readonly server: ServerName;
  readonly requests: number;
  /** Requests that were sent beside these, at most. */
  readonly cutOff: number;
  readonly elapsedSeconds: number;
  /** CPU time of one request in all threads, deferred work included, in microseconds. */
  readonly cpuMicros: number;
  /** The same of the main thread alone. */
  readonly mainCpuMicros: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssBytes: number;
  /** Share of the slice in which the server's CPU was busy, for whomever. */
  readonly serverCpuBusy: number;
  /** The same of the CPUs of generator, upstream and receivers. */
  readonly loadCpusBusy: number;
}

/** Deferred work is waited for here; elsewhere only what a reset connection leaves behind. */
const PAUSE_MS = 100;

/**
 * Loads one server for one slice.
 *
 * @throws Error when an answer was wrong or a connection broke: such a slice says nothing
 */
export async function measureSlice(
  server: Server,
  generator: Generator,
  placement: Placement,
  order: Omit<LoadOrder, 'port'>,
): Promise<Slice> {
  const before = { usage: readUsage(server.pid), cpus: readCpuTimes() };
  const [load] = await Promise.all([
    generator.run({ ...order, port: server.port }),
    inTheMiddle(server, order.seconds),
  ]);
  const cpus = readCpuTimes();
  await (server.settle?.() ?? pause());
  const usage = readUsage(server.pid);
  refuseErrors(server, load);
  return {
    server: server.name,
    requests: load.requests,
    cutOff: load.cutOff,
    elapsedSeconds: load.elapsedSeconds,
    cpuMicros: ((usage.allSeconds - before.usage.allSeconds) * 1e6) / load.requests,
    mainCpuMicros: ((usage.mainSeconds - before.usage.mainSeconds) * 1e6) / load.requests,
    requestsPerSecond: load.requests / load.elapsedSeconds,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
    rssBytes: usage.rssBytes,
    serverCpuBusy: busyShare(before.cpus, cpus, [placement.serverCpu]),
    loadCpusBusy: busyShare(before.cpus, cpus, placement.loadCpus),
  };
}

async function inTheMiddle(server: Server, seconds: number): Promise<void> {
  if (server.duringSlice === undefined) return;
  await new Promise((resolve) => setTimeout(resolve, seconds * 500));
  await server.duringSlice();
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

function refuseErrors({ name }: Server, { requests, errors, firstError }: Load): void {
  if (errors > 0 || requests === 0) {
    throw new Error(`${name}: ${errors} errors and ${requests} answers in one slice (first: ${firstError ?? 'none'})`);
  }
}
