import { Failure } from '@clearway/kernel';
import type { Gateway } from '@clearway/gateway';
import type { Logs } from '@clearway/telemetry';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Connections } from './connections.ts';
import type { Readiness } from './health/readiness.ts';
import type { Listener } from './listener.ts';

/** What is drained. */
export interface Drained {
  readonly gateway: Pick<Gateway, 'giveUp' | 'upgrades'>;
  readonly listener: Listener;
  readonly connections: Connections;
  readonly readiness: Readiness;
  readonly logger: Logs['logger'];
}

/** How long the steps of a drain may take, in milliseconds. */
export interface DrainTimes {
  /** Not ready, but still accepting. */
  readonly delayMs: number;
  /** For open requests to finish, from then on. */
  readonly limitMs: number;
}

const LOOK_MS = 50;
/** A connection that is used more often than this is not closed between two of its requests. */
const QUIET_MS = 250;
/** For the answers to leave that requests are given which are given up. */
const LAST_ANSWERS_MS = 500;
/** For both ends of a WebSocket to answer a Close frame. */
const CLOSE_FRAME_MS = 2000;
/** RFC 6455, 7.4.1: going away. */
const GOING_AWAY = 1001;

/**
 * Ends a listener without losing a request.
 *
 * 1. It is not ready any more, and every answer is the last of its connection: balancers and clients go elsewhere.
 * 2. After the delay it takes no new connection. WebSockets are closed with 1001, idle connections when they are quiet.
 * 3. What is still open at the limit is given up: 503 where nothing was answered yet, else a reset.
 */
export async function drain(drained: Drained, { delayMs, limitMs }: DrainTimes): Promise<void> {
  const { gateway, listener, connections, readiness, logger } = drained;
  const startMs = performance.now();
  readiness.drain();
  connections.closeAfterAnswers();
  const delayEndMs = startMs + delayMs;
  while (performance.now() < delayEndMs) {
    connections.closeQuiet(Infinity);
    await sleep(Math.min(LOOK_MS, delayEndMs - performance.now()));
  }
  // those that have connected are accepted within this turn of the event loop; what the system holds for us is lost
  await nextTurn();
  listener.stopListening();
  const upgrades = gateway.upgrades.closeAll(GOING_AWAY, { limitMs: Math.min(limitMs, CLOSE_FRAME_MS) });
  const leftOver = await closed(connections, QUIET_MS, limitMs);
  const message = `not finished within the ${limitMs} ms that a drain may take`;
  const headers = { 'retry-after': '1', connection: 'close' };
  const detail = 'The gateway is shutting down.';
  const givenUp = leftOver === 0 ? 0 : gateway.giveUp(new Failure('overloaded', { message, detail, headers }));
  if (givenUp > 0) await closed(connections, 0, LAST_ANSWERS_MS);
  await listener.close();
  await upgrades;
  const durationMs = Math.round(performance.now() - startMs);
  if (givenUp > 0)
    logger.warn('drained, but some requests were given up', { duration_ms: durationMs, given_up: givenUp });
  else logger.info('drained', { duration_ms: durationMs });
}

/** Resolves when every connection is closed, or after the limit; to how many are open. */
async function closed(connections: Connections, quietMs: number, limitMs: number): Promise<number> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    // behind the reading of what has arrived: what is quiet now is no request that only was not looked at yet
    await nextTurn();
    connections.closeQuiet(quietMs);
    const leftMs = endMs - performance.now();
    if (connections.size === 0 || leftMs <= 0) return connections.size;
    await sleep(Math.min(LOOK_MS, leftMs));
  }
}
