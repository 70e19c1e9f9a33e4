import http from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sample } from '../end-to-end/support/open-metrics.ts';
import { startFaultyReceiver, type FaultyReceiver } from './support/faulty-receiver.ts';
import { startGatewayProcess, sumOf, type GatewayProcess } from './support/gateway-process.ts';
import { load, quantile, type LoadAnswer } from './support/load.ts';
import { atLeast, atMost, type Bar, type Proof, type ProofContext } from './support/proof.ts';

const CONNECTIONS = 16;
const PATIENT = { connectMs: 30_000, headersMs: 30_000 };
const MEBIBYTE = 1024 * 1024;
/** A port that nobody may take by chance while the proof runs. */
const NOBODY = 'http://127.0.0.1:1';
/** Between two scrapes while nothing else is said. */
const SCRAPE_MS = 1000;
/** Of what is reachable while a fault lasts: 8 MiB of log lines, the buffers of exports and error events may wait. */
const WAITING_LIMIT_MEBIBYTES = 24;
/** Of what is reachable when all is mended. */
const LEFT_LIMIT_MEBIBYTES = 8;
/** Of the resident memory, after a warm-up that is long enough for the heap to have its size. */
const RESIDENT_LIMIT_MEBIBYTES = 64;
/** The phase behind the warm-up, with which the others are compared. */
const BASELINE = 1;
/** For a signal to be acted on. */
const SIGNAL_MS = 50;
/** Between two looks whether a phase has lasted long enough, and when it is given up. */
const LOOK_MS = 50;
const GIVE_UP_MS = 60_000;

/** Makes long lines in the log. */
const LONG = `/nowhere/${'x'.repeat(8000)}`;

/** What each path must be answered, whatever becomes of the telemetry. */
const ANSWERS: Readonly<Record<string, { readonly status: number; readonly body?: string; readonly reason?: string }>> =
  {
    '/fast': { status: 200, body: 'fast' },
    '/failing': { status: 500, body: 'failing', reason: 'upstream_5xx' },
    '/broken': { status: 502, reason: 'connect_refused' },
    '/nowhere': { status: 404, reason: 'route_not_found' },
    [LONG]: { status: 404, reason: 'route_not_found' },
  };
const PATHS = ['/fast', '/fast', '/fast', LONG, LONG, ...Object.keys(ANSWERS)];

/** One thing that goes wrong, and how it is mended. */
interface Fault {
  readonly name: string;
  readonly begin: (parts: Parts) => Promise<unknown> | void;
  readonly end: (parts: Parts) => Promise<unknown> | void;
  /** The signal of which something must have been lost and counted. */
  readonly loses?: 'tracing' | 'logs' | 'errors';
}

interface Parts {
  readonly gateway: GatewayProcess;
  readonly collector: FaultyReceiver;
  readonly sentry: FaultyReceiver;
  /** Scrapes as often as it can. */
  scrapeConstantly: boolean;
}

const ofReceiver = (name: 'collector' | 'sentry', loses: Fault['loses']): Fault[] =>
  (['dead', 'hanging', 'answering 500'] as const).map((fault) => ({
    name: `${name} ${fault}`,
    begin: (parts) => parts[name].set(fault),
    end: (parts) => parts[name].set('none'),
    ...(loses && { loses }),
  }));

const FAULTS: readonly Fault[] = [
  ...ofReceiver('collector', 'tracing'),
  ...ofReceiver('sentry', 'errors'),
  {
    name: 'stdout stalled',
    begin: ({ gateway }) => gateway.stallOutput(true),
    end: ({ gateway }) => gateway.stallOutput(false),
    loses: 'logs',
  },
  {
    name: 'constant scrapes',
    begin: (parts) => void (parts.scrapeConstantly = true),
    end: (parts) => void (parts.scrapeConstantly = false),
  },
  { name: 'clock set an hour ahead', begin: ({ gateway }) => gateway.signal('SIGUSR2'), end: () => undefined },
  { name: 'clock set back', begin: ({ gateway }) => gateway.signal('SIGUSR2'), end: () => undefined },
  {
    name: 'everything at once',
    async begin(parts) {
      parts.gateway.stallOutput(true);
      parts.gateway.signal('SIGUSR2');
      parts.scrapeConstantly = true;
      await Promise.all([parts.collector.set('hanging'), parts.sentry.set('hanging')]);
    },
    async end(parts) {
      parts.gateway.stallOutput(false);
      parts.scrapeConstantly = false;
      await Promise.all([parts.collector.set('none'), parts.sentry.set('none')]);
    },
    loses: 'tracing',
  },
];

export const proof: Proof = {
  guarantee:
    'Whatever becomes of collector, error tracker, log, scrapes and clock: no answer changes, and memory stays flat.',
  async run({ isShort, progress, signal }: ProofContext) {
    const warmUp: Extent = isShort ? { seconds: 0.5, answers: 300 } : { seconds: 15, answers: 10_000 };
    const fault: Extent = isShort ? { seconds: 0.2, answers: 60 } : { seconds: 6, answers: 4000 };
    const [upstream, collector, sentry] = [
      await startUpstream(),
      await startFaultyReceiver(),
      await startFaultyReceiver(),
    ];
    const gateway = await startGatewayProcess(configuration(upstream.origin), {
      OTEL_EXPORTER: 'local',
      OTEL_LOCAL_URL: collector.origin,
      // what hangs is given up within the time of one fault
      OTEL_EXPORTER_OTLP_TIMEOUT: '250',
      OTEL_BSP_EXPORT_TIMEOUT: '250',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      ...(isShort && { OTEL_BSP_MAX_QUEUE_SIZE: '2048' }),
      SENTRY_DSN: `http://key@${sentry.host}/1`,
      NODE_OPTIONS: `--expose-gc --import=${path.join(import.meta.dirname, 'support/in-hand.mjs')}`,
    });
    const parts: Parts = { gateway, collector, sentry, scrapeConstantly: false };
    // a steady load, so that memory is compared at the same one
    const watch = new Watch(parts, isShort ? 2 : 10);
    const running = watch.run();
    try {
      await watch.during('warm-up', warmUp);
      await watch.during('nothing yet', fault);
      for (const { name, begin, end, loses } of FAULTS) {
        signal.throwIfAborted();
        await begin(parts);
        // 8 MiB of lines may wait, which is too many requests for the short form
        const phase = await watch.during(name, fault, isShort && loses === 'logs' ? undefined : loses);
        await end(parts);
        progress(
          `${name}: ${phase.requests} answers, ${phase.wrong} wrong, ${phase.liveMebibytes} of ${phase.residentMebibytes} MiB, lost ${phase.lost}`,
        );
      }
      await watch.during('recovered', fault);
      watch.examples.forEach((example) => progress(example));
      return resultOf(watch, isShort);
    } finally {
      watch.isOver = true;
      await running;
      await gateway.stop();
      await Promise.all([collector.close(), sentry.close()]);
      upstream.close();
    }
  },
};

/** How long a phase lasts at least. */
interface Extent {
  readonly seconds: number;
  readonly answers: number;
}

/** What happened while a fault lasted. */
interface Phase {
  readonly name: string;
  readonly requests: number;
  readonly wrong: number;
  /** What was lost of the signal that the fault hits, as the gateway counts it. */
  readonly lost: number | undefined;
  readonly exported: number;
  /** Reachable memory at its end, of the heap and beside it. */
  readonly liveMebibytes: number;
  /** The smallest seen: what is above it is garbage that was not collected yet. */
  readonly residentMebibytes: number;
  readonly p99Ms: number;
}

/** Loads the gateway without a pause, and looks at what it answers and counts. */
class Watch {
  readonly phases: Phase[] = [];
  readonly examples: string[] = [];
  isOver = false;
  #name = '';
  readonly #parts: Parts;
  readonly #pauseMs: number;
  #requests = 0;
  #wrong = 0;
  #durationsMs: number[] = [];
  #residentMebibytes = Infinity;

  /** @param pauseMs between two requests of a connection */
  constructor(parts: Parts, pauseMs: number) {
    this.#parts = parts;
    this.#pauseMs = pauseMs;
  }

  /** Runs until `isOver`. */
  async run(): Promise<void> {
    let turn = 0;
    const { origin } = this.#parts.gateway;
    await Promise.all([
      load({
        origin,
        connections: CONNECTIONS,
        pauseMs: this.#pauseMs,
        next: () => (this.isOver ? undefined : { path: PATHS[turn++ % PATHS.length] ?? '/fast' }),
        onAnswer: (answer) => this.#take(answer),
      }),
      this.#scrape(),
    ]);
  }

  /** Lasts until the extent is reached and, of a fault that loses something, until the gateway has counted a loss. */
  async during(name: string, extent: Extent, loses?: Fault['loses']): Promise<Phase> {
    this.#name = name;
    const before = await this.#parts.gateway.scrape();
    this.#requests = this.#wrong = 0;
    this.#durationsMs = [];
    this.#residentMebibytes = Infinity;
    const lostOf = (samples: readonly Sample[]): number =>
      sumOf(samples, 'clearway_telemetry_dropped_total', { signal: loses ?? '' });
    const giveUpMs = performance.now() + GIVE_UP_MS;
    await sleep(extent.seconds * 1000);
    let isEnough = false;
    while (!isEnough && performance.now() < giveUpMs) {
      await sleep(LOOK_MS);
      isEnough = this.#requests >= extent.answers;
      if (isEnough && loses) isEnough = lostOf(await this.#parts.gateway.scrape()) > lostOf(before);
    }
    this.#parts.gateway.signal('SIGWINCH');
    await sleep(SIGNAL_MS);
    const after = await this.#parts.gateway.scrape();
    this.#seeResident(after);
    const exportedOf = (samples: readonly Sample[]): number =>
      sumOf(samples, 'clearway_telemetry_exported_total', { signal: 'tracing' });
    const phase = {
      name,
      requests: this.#requests,
      wrong: this.#wrong,
      lost: loses && lostOf(after) - lostOf(before),
      exported: exportedOf(after) - exportedOf(before),
      liveMebibytes: mebibytesOf(after, 'nodejs_heap_size_used_bytes', 'nodejs_external_memory_bytes'),
      residentMebibytes: this.#residentMebibytes,
      p99Ms: Math.round(quantile(this.#durationsMs, 0.99) * 10) / 10,
    };
    this.phases.push(phase);
    return phase;
  }

  #take({ request, status, headers, body, durationMs, error }: LoadAnswer): void {
    this.#requests++;
    this.#durationsMs.push(durationMs);
    const expected = ANSWERS[request.path];
    const isRight =
      status === expected?.status &&
      (expected.body === undefined || body === expected.body) &&
      headers['clearway-reason'] === expected.reason &&
      headers['trace-id']?.length === 32;
    if (isRight) return;
    this.#wrong++;
    if (this.examples.length < 5)
      this.examples.push(
        `${this.#name}: ${request.path.slice(0, 20)}: ${error ?? status} ${String(headers['clearway-reason'])} ${Math.round(durationMs)} ms ${body.slice(0, 100)}`,
      );
  }

  #seeResident(samples: readonly Sample[]): void {
    const resident = mebibytesOf(samples, 'process_resident_memory_bytes');
    this.#residentMebibytes = Math.min(this.#residentMebibytes, resident);
  }

  async #scrape(): Promise<void> {
    while (!this.isOver) {
      this.#seeResident(await this.#parts.gateway.scrape());
      if (!this.#parts.scrapeConstantly) await sleep(SCRAPE_MS);
    }
  }
}

function mebibytesOf(samples: readonly Sample[], ...names: string[]): number {
  return Math.round(names.reduce((sum, name) => sum + sumOf(samples, name), 0) / MEBIBYTE);
}

function resultOf({ phases, examples }: Watch, isShort: boolean) {
  const wrong = phases.reduce((sum, phase) => sum + phase.wrong, 0);
  const growthOf = (key: 'liveMebibytes' | 'residentMebibytes'): number =>
    Math.max(...phases.slice(BASELINE + 1).map((phase) => phase[key])) - (phases[BASELINE]?.[key] ?? 0);
  const leftMebibytes = (phases.at(-1)?.liveMebibytes ?? 0) - (phases[BASELINE]?.liveMebibytes ?? 0);
  const uncounted = phases.filter(({ lost }) => lost === 0).map(({ name }) => name);
  const bars: Bar[] = [
    atMost('answers that changed', wrong, 0),
    atMost(
      'growth of the reachable memory while a fault lasts (MiB)',
      growthOf('liveMebibytes'),
      WAITING_LIMIT_MEBIBYTES,
    ),
    atMost('growth of the reachable memory when all is mended (MiB)', leftMebibytes, LEFT_LIMIT_MEBIBYTES),
    atMost('faults that lose something and count nothing', uncounted.length, 0),
    atLeast('spans exported when all is mended', phases.at(-1)?.exported ?? 0, 1),
  ];
  const resident = growthOf('residentMebibytes');
  if (!isShort) {
    bars.push(atMost('growth of the resident memory after the warm-up (MiB)', resident, RESIDENT_LIMIT_MEBIBYTES));
  }
  return { bars, measurements: { connections: CONNECTIONS, uncounted, examples, phases } };
}

function configuration(upstream: string): object {
  const route = (id: string, to: string): object => ({ id, match: { path: `/${id}` }, upstream: to });
  return {
    // so that a machine which does other things at the same time is not taken for a fault
    upstreams: {
      main: { targets: [{ url: upstream }], timeouts: PATIENT },
      broken: { targets: [{ url: NOBODY }], timeouts: PATIENT },
    },
    routes: [route('fast', 'main'), route('failing', 'main'), route('broken', 'broken')],
  };
}

async function startUpstream() {
  const server = http.createServer((req, res) => {
    if (req.url === '/failing') res.writeHead(500).end('failing');
    else res.end('fast');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
