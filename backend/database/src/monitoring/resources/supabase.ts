import type { DatabaseResources } from '@clearway/contracts';
import type { Answer } from '../watch/answer.ts';
import { getText, SourceError } from './http.ts';
import { prometheusSamples, type PrometheusSample } from './prometheus-text.ts';
import { bothSkipped, percent, type ResourceReader } from './resource-reader.ts';

type Settings = Extract<DatabaseResources, { from: 'supabase' }>;

const CPU = 'node_cpu_seconds_total';
const TOTAL = 'node_memory_MemTotal_bytes';
const AVAILABLE = 'node_memory_MemAvailable_bytes';
const WANTED = new Set([CPU, TOTAL, AVAILABLE]);
const IDLE_MODES = new Set(['idle', 'iowait']);

/**
 * The figures of a Supabase project's server, from its metrics endpoint. The processor's share is of the time between two
 * readings, since the endpoint tells seconds since the machine started.
 *
 * Source: https://supabase.com/docs/guides/telemetry/metrics (basic authentication with a secret key; once a minute)
 */
export function supabaseResources({ project, secretKey, url }: Settings): ResourceReader {
  const place = new URL('/customer/v1/privileged/metrics', url ?? `https://${project}.supabase.co`);
  const authorization = `Basic ${Buffer.from(`service_role:${secretKey}`).toString('base64')}`;
  let before: { busy: number; all: number } | undefined;
  const cpuOf = (samples: readonly PrometheusSample[]): Answer<number> => {
    const now = processorSeconds(samples);
    const last = before;
    before = now;
    if (now.all === 0) return { skipped: `${place.host} tells nothing of ${CPU}` };
    if (!last || now.all <= last.all) return { skipped: 'known from the second reading on' };
    return percent(now.busy - last.busy, now.all - last.all);
  };
  return {
    source: 'supabase',
    everyMs: 60_000,
    async read(signal) {
      try {
        const samples = prometheusSamples(await getText(place, { authorization }, signal), WANTED).filter(isOfDatabase);
        return { cpuPercent: cpuOf(samples), memoryPercent: memoryOf(samples, place.host) };
      } catch (error) {
        if (error instanceof SourceError) return bothSkipped(error.message);
        throw error;
      }
    },
  };
}

/** Other services of the project have machines of their own. */
function isOfDatabase({ labels }: PrometheusSample): boolean {
  return (labels['service_type'] ?? 'db') === 'db';
}

function processorSeconds(samples: readonly PrometheusSample[]): { busy: number; all: number } {
  const times = samples.filter(({ name }) => name === CPU);
  const sum = (some: readonly PrometheusSample[]): number => some.reduce((total, { value }) => total + value, 0);
  const all = sum(times);
  return { all, busy: all - sum(times.filter(({ labels }) => IDLE_MODES.has(labels['mode'] ?? ''))) };
}

function memoryOf(samples: readonly PrometheusSample[], host: string): Answer<number> {
  const total = samples.find(({ name }) => name === TOTAL)?.value;
  const available = samples.find(({ name }) => name === AVAILABLE)?.value;
  if (total === undefined || available === undefined) return { skipped: `${host} tells nothing of the memory` };
  return percent(total - available, total);
}
