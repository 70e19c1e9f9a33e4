import type { MigrationMetricSettings } from '@clearway/contracts';

/** Where gateways tell their metrics, and what the worker presents there. */
export interface GatewayMetrics {
  /** Origins of admin listeners. */
  readonly urls: readonly string[];
  /** An operations token; not needed on loopback. */
  readonly token: string | undefined;
}

/** What a route has counted since its gateways started, over all of them. */
interface RouteCounts {
  /** Requests by upper bound of their duration, in seconds; cumulative. */
  readonly buckets: ReadonlyMap<number, number>;
  readonly requests: number;
  readonly failed: number;
}

const ANSWER_LIMIT_MS = 5000;
const MAX_BYTES = 32 * 1024 * 1024;
const SAMPLE = /^(clearway_request_duration_seconds_bucket|clearway_requests_total)\{([^}]*)\} (\S+)/;

/**
 * Figures of routes from the gateways' own metrics: what happened since the figure was asked for before.
 *
 * @example
 * const figure = routeFigures({ urls: ['http://127.0.0.1:8001'], token: undefined });
 * await figure({ route: 'tracks', measure: 'p95Ms', … }); // undefined at the first time
 */
export function routeFigures(
  gateways: GatewayMetrics,
  monotonicMs: () => number = () => performance.now(),
): (metric: MigrationMetricSettings) => Promise<number | undefined> {
  const before = new Map<string, { readonly counts: RouteCounts; readonly atMs: number }>();
  let scrape: { readonly atMs: number; readonly texts: Promise<readonly string[]> } | undefined;
  return async ({ name, route, measure }) => {
    if (route === undefined || measure === undefined) return undefined;
    // the metrics of one sample are read from one scrape
    if (!scrape || monotonicMs() - scrape.atMs > 1000) {
      scrape = { atMs: monotonicMs(), texts: Promise.all(gateways.urls.map((url) => read(url, gateways.token))) };
    }
    const { atMs, texts } = scrape;
    const counts = countsOf(await texts, route);
    const key = `${route} ${name}`;
    const last = before.get(key);
    before.set(key, { counts, atMs });
    // a gateway that was restarted counts from zero
    if (!last || counts.requests < last.counts.requests) return undefined;
    return figureOf(measure, difference(counts, last.counts), (atMs - last.atMs) / 1000);
  };
}

async function read(url: string, token: string | undefined): Promise<string> {
  const answer = await fetch(new URL('/metrics', url), {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    redirect: 'error',
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  const text = await answer.text();
  return text.length > MAX_BYTES ? '' : text;
}

function countsOf(texts: readonly string[], route: string): RouteCounts {
  const buckets = new Map<number, number>();
  let requests = 0;
  let failed = 0;
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
    if (name === undefined || labelOf(labels, 'route') !== route) continue;
    if (name === 'clearway_requests_total') {
      requests += Number(value);
      if (labelOf(labels, 'status_class') === '5xx') failed += Number(value);
    } else {
      const bound = Number(labelOf(labels, 'le')?.replace('+Inf', 'Infinity'));
      buckets.set(bound, (buckets.get(bound) ?? 0) + Number(value));
    }
  }
  return { buckets, requests, failed };
}

function labelOf(labels: string, name: string): string | undefined {
  return new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1];
}

function difference(now: RouteCounts, before: RouteCounts): RouteCounts {
  const buckets = [...now.buckets].map(([bound, count]) => [bound, count - (before.buckets.get(bound) ?? 0)] as const);
  return { buckets: new Map(buckets), requests: now.requests - before.requests, failed: now.failed - before.failed };
}

type Measure = NonNullable<MigrationMetricSettings['measure']>;

function figureOf(measure: Measure, counts: RouteCounts, seconds: number): number | undefined {
  if (measure === 'requestsPerSecond') return seconds > 0 ? counts.requests / seconds : undefined;
  if (measure === 'errorPercent') return counts.requests > 0 ? (100 * counts.failed) / counts.requests : undefined;
  const part = { p50Ms: 0.5, p95Ms: 0.95, p99Ms: 0.99 }[measure];
  const secondsAt = quantileOf(counts.buckets, part);
  return secondsAt === undefined ? undefined : secondsAt * 1000;
}

/** Linear within a bucket, as Prometheus's histogram_quantile does it. */
function quantileOf(buckets: ReadonlyMap<number, number>, part: number): number | undefined {
  const sorted = [...buckets].toSorted(([a], [b]) => a - b);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  const at = sorted.findIndex(([, count]) => count >= part * total);
  const [bound = 0, count = 0] = sorted[at] ?? [];
  const [lower, below] = sorted[at - 1] ?? [0, 0];
  if (bound === Infinity) return lower;
  return lower + (bound - lower) * ((part * total - below) / Math.max(1, count - below));
}
