import { setTimeout as sleep } from 'node:timers/promises';
import { openServers } from '../end-to-end/support/servers.ts';
import { startGatewayProcess, type GatewayProcess } from './support/gateway-process.ts';
import { holdSocket, holdStream, type Held } from './support/held-clients.ts';
import { heldUpstream } from './support/held-upstream.ts';
import { atLeast, atMost, type Proof, type ProofContext } from './support/proof.ts';
import { growth, watchMemory } from './support/resident-memory.ts';

const MEBIBYTE = 1024 * 1024;
const LIMIT_MEBIBYTES = 32;
const GOING_AWAY = 1001;
const AT_ONCE = 50;
const LOOK_MS = 50;
const GIVE_UP_MS = 10_000;

export const proof: Proof = {
  guarantee: 'WebSockets and event streams outlive a reload, and a drain ends each WebSocket with 1001.',
  async run({ isShort, progress, signal }: ProofContext) {
    const each = isShort ? 25 : 1000;
    const holdMs = isShort ? 1500 : 120_000;
    const drainLimitMs = isShort ? 500 : 5000;
    const servers = openServers();
    const url = await servers.listen(heldUpstream(isShort ? 200 : 2000));
    const gateway = await startGatewayProcess(configuration(url, drainLimitMs, false), {
      OTEL_ENABLED: 'false',
    });
    try {
      progress(`opening ${each} WebSockets and ${each} event streams`);
      const everyMs = isShort ? 200 : 10_000;
      const sockets = await openAll(each, (i) => holdSocket(gateway.origin, `/socket/${i}`, everyMs));
      const streams = await openAll(each, (i) => holdStream(gateway.origin, `/events/${i}`));
      const all = [...sockets, ...streams];
      const memory = watchMemory(gateway.pid);
      await sleep(holdMs / 2);
      const before = whole(all);
      progress(`${before} whole after ${holdMs / 2000} s; the reload`);
      await gateway.reload(configuration(url, drainLimitMs, true));
      const isNewInForce = (await fetch(`${gateway.origin}/new`)).status === 200;
      all.forEach((held) => held.hasMoved());
      await sleep(holdMs / 2);
      signal.throwIfAborted();
      const after = whole(all);
      const moved = await movedWithin(GIVE_UP_MS, all);
      memory.stop();
      progress(`${after} whole and ${moved} in use since the reload; the drain`);
      const ended = await drain(gateway, sockets, streams);
      return {
        bars: [
          atLeast('connections that were whole before the reload', before, 2 * each),
          atLeast('connections that were whole after the reload', after, 2 * each),
          atLeast('connections over which something came after the reload', moved, 2 * each),
          atLeast('requests that the new configuration answered', Number(isNewInForce), 1),
          atLeast('WebSockets that the drain closed with 1001', ended.goingAway, each),
          atLeast('event streams that the drain ended', ended.streams, each),
          atMost('exit status', ended.exitCode ?? -1, 0),
          atMost('length of the drain (ms)', ended.durationMs, drainLimitMs + 5000),
          atMost('growth of the resident memory (MiB)', Math.round(growth(memory.samples) / MEBIBYTE), LIMIT_MEBIBYTES),
        ],
        measurements: {
          webSockets: each,
          eventStreams: each,
          heldSeconds: holdMs / 1000,
          residentMebibytes: Math.round((memory.samples.at(-1) ?? 0) / MEBIBYTE),
          drainMs: ended.durationMs,
        },
      };
    } finally {
      gateway.signal('SIGKILL');
      await gateway.stop();
      await servers.close();
    }
  },
};

/** @param isNew another upstream setting and one route more: the runtime is replaced */
function configuration(url: string, drainLimitMs: number, isNew: boolean): object {
  const upstream = {
    targets: [{ url }],
    connections: 5000,
    timeouts: { idleMs: 60_000, connectMs: isNew ? 20_000 : 10_000 },
  };
  const routes = [
    { id: 'sockets', match: { path: '/socket/*' }, upstream: 'main' },
    { id: 'events', match: { path: '/events/*' }, upstream: 'main' },
  ];
  const added = { id: 'new', match: { path: '/new' }, upstream: 'main' };
  return {
    server: { drain: { limitMs: drainLimitMs } },
    upstreams: { main: upstream },
    routes: isNew ? [...routes, added] : routes,
  };
}

async function openAll(count: number, open: (i: number) => Promise<Held>): Promise<Held[]> {
  const held: Held[] = [];
  while (held.length < count) {
    const some = Math.min(AT_ONCE, count - held.length);
    held.push(...(await Promise.all(Array.from({ length: some }, (_, i) => open(held.length + i)))));
  }
  return held;
}

/** How many of them something comes over, once it has come over all or they are given up. */
async function movedWithin(limitMs: number, all: readonly Held[]): Promise<number> {
  let still = all.filter((held) => !held.hasMoved());
  for (const endMs = performance.now() + limitMs; still.length > 0 && performance.now() < endMs;) {
    await sleep(LOOK_MS);
    still = still.filter((held) => !held.hasMoved());
  }
  return all.length - still.length;
}

const whole = (all: readonly Held[]): number => all.filter((held) => held.isWhole()).length;

interface Drained {
  readonly goingAway: number;
  readonly streams: number;
  readonly exitCode: number | null;
  readonly durationMs: number;
}

async function drain(gateway: GatewayProcess, sockets: readonly Held[], streams: readonly Held[]): Promise<Drained> {
  const startMs = performance.now();
  const exitCode = await gateway.stop();
  const durationMs = Math.round(performance.now() - startMs);
  const codes = await Promise.all(sockets.map(({ ended }) => ended));
  const over = await Promise.all(streams.map(({ ended }) => ended));
  return { goingAway: codes.filter((code) => code === GOING_AWAY).length, streams: over.length, exitCode, durationMs };
}
