import type {
  ComparedMetric,
  MigrationMetricSettings,
  MigrationSample,
  MigrationWindow,
  Verdict,
} from '@clearway/contracts';

/** Fewer samples say nothing. */
const FEWEST_SAMPLES = 3;
/** The median of absolute deviations, as a standard deviation of a normal distribution. */
const MAD_TO_SIGMA = 1.4826;
const NOISE_SIGMAS = 2;

/** Compares a metric during and after a migration with what it was before. */
export function compareMetric(settings: MigrationMetricSettings, samples: readonly MigrationSample[]): ComparedMetric {
  const { name, better, unit } = settings;
  const of = (...phases: MigrationSample['phase'][]) =>
    valuesOf(
      name,
      samples.filter(({ phase }) => phases.includes(phase)),
    );
  const before = of('baseline');
  const tolerance = toleranceOf(settings, before);
  const compared = (values: readonly number[]) => windowOf(values, { before, tolerance, better });
  const during = compared(of('active'));
  const after = compared(of('validation', 'steady'));
  const counted = after.verdict === 'unknown' ? during : after;
  const metric = {
    name,
    title: settings.title ?? name.replaceAll('-', ' '),
    unit: unit ?? null,
    better,
    tolerance: tolerance ?? null,
    present: samples[0]?.metrics[name] ?? null,
    baseline: { ...windowOf(before, { before, tolerance, better }), changePercent: null, verdict: 'unknown' as const },
    during,
    after,
    verdict: counted.verdict,
  };
  return { ...metric, words: wordsOf(metric, counted, counted === after ? 'after' : 'during') };
}

/** Worse when anything is worse, better when something is better and nothing worse. */
export function overallVerdict(metrics: readonly { readonly verdict: Verdict }[]): Verdict {
  const verdicts = metrics.map(({ verdict }) => verdict);
  return (['worse', 'better', 'same'] as const).find((verdict) => verdicts.includes(verdict)) ?? 'unknown';
}

function valuesOf(name: string, samples: readonly MigrationSample[]): number[] {
  return samples.flatMap(({ metrics }) => {
    const value = metrics[name];
    return value === undefined || value === null ? [] : [value];
  });
}

/** What the metric varies by itself counts as the same, at least. */
function toleranceOf(settings: MigrationMetricSettings, before: readonly number[]): number | undefined {
  if (before.length < FEWEST_SAMPLES) return undefined;
  const median = quantile(before, 0.5);
  const deviations = before.map((value) => Math.abs(value - median));
  const noise = NOISE_SIGMAS * MAD_TO_SIGMA * quantile(deviations, 0.5);
  return Math.max((Math.abs(median) * settings.tolerancePercent) / 100, settings.toleranceAbsolute, noise);
}

interface Against {
  readonly before: readonly number[];
  readonly tolerance: number | undefined;
  readonly better: 'lower' | 'higher';
}

function windowOf(values: readonly number[], { before, tolerance, better }: Against): MigrationWindow {
  if (values.length === 0) {
    return { samples: 0, median: null, low: null, high: null, changePercent: null, verdict: 'unknown' };
  }
  const [median, low, high] = [0.5, 0.1, 0.9].map((part) => quantile(values, part)) as [number, number, number];
  const figures = { samples: values.length, median, low, high };
  if (tolerance === undefined || values.length < FEWEST_SAMPLES) {
    return { ...figures, changePercent: null, verdict: 'unknown' };
  }
  const base = quantile(before, 0.5);
  const change = median - base;
  const changePercent = base === 0 ? null : (100 * change) / Math.abs(base);
  if (Math.abs(change) <= tolerance) return { ...figures, changePercent, verdict: 'same' };
  return { ...figures, changePercent, verdict: change < 0 === (better === 'lower') ? 'better' : 'worse' };
}

/** Linear between the samples, as spreadsheets do it. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const [below, above] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN];
  return below + (above - below) * (at - Math.floor(at));
}

function wordsOf(metric: Omit<ComparedMetric, 'words'>, window: MigrationWindow, when: string): string {
  const { title, unit, baseline, tolerance } = metric;
  const shown = (value: number | null) =>
    value === null ? 'unknown' : `${rounded(value)}${unit === null ? '' : ` ${unit}`}`;
  if (baseline.samples < FEWEST_SAMPLES)
    return `${title}: no baseline (${baseline.samples} of ${FEWEST_SAMPLES} samples)`;
  if (window.samples < FEWEST_SAMPLES) return `${title}: ${shown(baseline.median)} before; not enough samples since`;
  const sign = (window.changePercent ?? 0) > 0 ? '+' : '';
  const change = window.changePercent === null ? '' : ` (${sign}${rounded(window.changePercent)} %)`;
  const within = window.verdict === 'same' ? `, within ${shown(tolerance)}` : '';
  return `${title}: ${shown(baseline.median)} before, ${shown(window.median)} ${when}${change}${within}: ${window.verdict}`;
}

function rounded(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}
