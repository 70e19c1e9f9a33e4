import type { Slice } from './measure.ts';
import type { ServerName } from './options.ts';
import { quantile, significant, summarise, type Summary } from './statistics.ts';
import { renderTable } from './table.ts';

/** The yardstick that the others are held against. */
export const YARDSTICK: ServerName = 'bare';
/** The first bar: everything on, against the yardstick. */
export const BAR = { server: 'gateway-on', most: 2.2 } as const;

/** What all slices of one server come to. */
export interface ServerResult {
  readonly server: ServerName;
  readonly cpuMicros: Summary;
  readonly mainCpuMicros: Summary;
  readonly requestsPerSecond: Summary;
  readonly p50Ms: Summary;
  readonly p99Ms: Summary;
  readonly rssBytes: Summary;
  /** False when the generator's side was the bottleneck: throughput and latency are then not the server's own. */
  readonly isServerSaturated: boolean;
  /** Against the yardstick of the same run; absent when it was left out. */
  readonly ratios: Ratios | undefined;
}

/** CPU time against the yardstick, by the slices that were disturbed least and by the median of all. */
export interface Ratios {
  readonly cpu: number;
  readonly cpuMedian: number;
  readonly mainCpu: number;
  readonly requestsPerSecond: number;
}

/** A CPU that idles more than this has room. */
const IDLE_SHARE = 0.1;

/** Summarises the slices of a run, server by server. */
export function results(servers: readonly ServerName[], slices: readonly Slice[]): ServerResult[] {
  const summaries = servers.map((server) =>
    summariseServer(
      server,
      slices.filter((slice) => slice.server === server),
    ),
  );
  const yardstick = summaries.find(({ server }) => server === YARDSTICK);
  return summaries.map((summary) => ({ ...summary, ratios: yardstick && ratiosOf(summary, yardstick) }));
}

type Summaries = Omit<ServerResult, 'ratios'>;

function summariseServer(server: ServerName, slices: readonly Slice[]): Summaries {
  const of = (pick: (slice: Slice) => number): Summary => summarise(slices.map(pick));
  return {
    server,
    cpuMicros: of((slice) => slice.cpuMicros),
    mainCpuMicros: of((slice) => slice.mainCpuMicros),
    requestsPerSecond: of((slice) => slice.requestsPerSecond),
    p50Ms: of((slice) => slice.p50Ms),
    p99Ms: of((slice) => slice.p99Ms),
    rssBytes: of((slice) => slice.rssBytes),
    isServerSaturated: slices.filter(isServerTheBottleneck).length * 2 >= slices.length,
  };
}

/** Only a server that leaves its own CPU idle while the other side has none left is held up by the other side. */
function isServerTheBottleneck({ serverCpuBusy, loadCpusBusy }: Slice): boolean {
  return serverCpuBusy > 1 - IDLE_SHARE || loadCpusBusy < 1 - IDLE_SHARE;
}

function ratiosOf(summary: Summaries, yardstick: Summaries): Ratios {
  return {
    cpu: summary.cpuMicros.lowerQuartile / yardstick.cpuMicros.lowerQuartile,
    cpuMedian: summary.cpuMicros.median / yardstick.cpuMicros.median,
    mainCpu: summary.mainCpuMicros.lowerQuartile / yardstick.mainCpuMicros.lowerQuartile,
    requestsPerSecond: summary.requestsPerSecond.median / yardstick.requestsPerSecond.median,
  };
}

const HEAD = [
  'server',
  'CPU µs',
  '(median)',
  'main µs',
  '× bare',
  '(median)',
  'main ×',
  'req/s',
  '× bare',
  'p50 ms',
  'p99 ms',
  'RSS MiB',
];

/** The table that a run prints. */
export function renderResults(all: readonly ServerResult[]): string {
  return renderTable(HEAD, all.map(row));
}

function row({ ratios, isServerSaturated, ...result }: ServerResult): string[] {
  const own = (text: string): string => (isServerSaturated ? text : '-');
  const ratio = (value: number | undefined): string => value?.toFixed(2) ?? '-';
  return [
    result.server,
    result.cpuMicros.lowerQuartile.toFixed(1),
    result.cpuMicros.median.toFixed(1),
    result.mainCpuMicros.lowerQuartile.toFixed(1),
    ratio(ratios?.cpu),
    ratio(ratios?.cpuMedian),
    ratio(ratios?.mainCpu),
    own(result.requestsPerSecond.median.toFixed(0)),
    own(ratio(ratios?.requestsPerSecond)),
    own(result.p50Ms.median.toFixed(2)),
    own(result.p99Ms.median.toFixed(2)),
    (result.rssBytes.median / 1024 / 1024).toFixed(0),
  ];
}

/** Whether the bar is met, in one line; undefined when it was not measured. */
export function renderBar(all: readonly ServerResult[]): string | undefined {
  const ratio = all.find(({ server }) => server === BAR.server)?.ratios?.cpu;
  if (ratio === undefined) return undefined;
  const verdict = ratio <= BAR.most ? 'met' : 'MISSED';
  return `bar: ${BAR.server} at most ${BAR.most}× ${YARDSTICK} in CPU time a request: ${ratio.toFixed(2)}×, ${verdict}`;
}

/** How much the slices of a server differ: the range of the middle half, as a share of the median. */
export function spread(values: readonly number[]): number {
  return significant((quantile(values, 0.75) - quantile(values, 0.25)) / quantile(values, 0.5), 2);
}
