import type { ChildProcess } from 'node:child_process';
import { PATHS } from './answers.ts';
import type { ServerName } from './options.ts';

/** A server under test. */
export interface Server {
  readonly name: ServerName;
  readonly pid: number;
  readonly port: number;
  /** Called in the middle of each slice. */
  duringSlice?(): Promise<void>;
  /** Resolves when the work that a slice left behind is done; its CPU time belongs to the slice. */
  settle?(): Promise<void>;
  /** Asked once after all slices. */
  verify?(sent: Sent): Promise<Verification>;
}

/** How many requests a server was sent: one that was cut off may have reached it or not. */
export interface Sent {
  readonly requests: number;
  readonly cutOff: number;
}

/** Whether a server did all that it was to do. */
export interface Verification {
  /** Counts for the results. */
  readonly facts: Readonly<Record<string, number>>;
  /** What is amiss; empty when nothing is. */
  readonly problems: readonly string[];
}

const START_LIMIT_MS = 20_000;
const RETRY_MS = 50;

/**
 * Resolves when a server answers.
 *
 * @throws Error when it ends instead, or does not answer in time
 */
export async function untilItAnswers(name: string, child: ChildProcess, port: number): Promise<void> {
  const deadlineMs = performance.now() + START_LIMIT_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode} instead of listening`);
    const status = await statusOf(`http://127.0.0.1:${port}${PATHS[0]}`);
    if (status === 200) return;
    if (performance.now() > deadlineMs) throw new Error(`${name} does not answer (status ${status ?? 'none'})`);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

async function statusOf(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url, { headers: { connection: 'close' } });
    await response.arrayBuffer();
    return response.status;
  } catch {
    // not listening yet
    return undefined;
  }
}
