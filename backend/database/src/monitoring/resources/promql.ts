import type { DatabaseResources } from '@clearway/contracts';
import { z } from 'zod';
import type { Answer } from '../watch/answer.ts';
import { getJson, SourceError } from './http.ts';
import type { ResourceReader } from './resource-reader.ts';

type Settings = Extract<DatabaseResources, { from: 'promql' }>;

const pair = z.tuple([z.number(), z.string()]);
const queryAnswer = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('success'),
    data: z.discriminatedUnion('resultType', [
      z.object({ resultType: z.literal('vector'), result: z.array(z.object({ value: pair })) }),
      z.object({ resultType: z.literal('scalar'), result: pair }),
      z.object({ resultType: z.literal('matrix') }),
      z.object({ resultType: z.literal('string') }),
    ]),
  }),
  z.object({ status: z.literal('error'), error: z.string() }),
]);

/**
 * Figures from a Prometheus, or from what speaks its query API (Mimir, Thanos, VictoriaMetrics). Each query has to give
 * one number, in percent.
 *
 * Source: https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
 */
export function promqlResources({ url, cpu, memory, token }: Settings): ResourceReader {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const place = new URL(`${url.replace(/\/+$/, '')}/api/v1/query`);
  const ask = async (name: string, query: string | undefined, signal: AbortSignal): Promise<Answer<number>> => {
    if (query === undefined) return { skipped: `no query for ${name} is configured` };
    const asked = new URL(place);
    asked.searchParams.set('query', query);
    asked.searchParams.set('timeout', '4s');
    try {
      return oneNumber(await getJson(asked, headers, signal), place.host);
    } catch (error) {
      if (error instanceof SourceError) return { skipped: error.message };
      throw error;
    }
  };
  return {
    source: 'promql',
    everyMs: 15_000,
    async read(signal) {
      const [cpuPercent, memoryPercent] = await Promise.all([ask('cpu', cpu, signal), ask('memory', memory, signal)]);
      return { cpuPercent, memoryPercent };
    },
  };
}

function oneNumber(body: unknown, host: string): Answer<number> {
  const parsed = queryAnswer.safeParse(body);
  if (!parsed.success) return { skipped: `${host} answered in a form that is not Prometheus'` };
  if (parsed.data.status === 'error')
    return { skipped: `${host} refused the query: ${parsed.data.error.slice(0, 200)}` };
  const { data } = parsed.data;
  if (data.resultType !== 'vector' && data.resultType !== 'scalar') {
    return { skipped: `the query gives a ${data.resultType} instead of one number` };
  }
  const values = data.resultType === 'scalar' ? [data.result] : data.result.map(({ value }) => value);
  if (values.length !== 1) return { skipped: `the query gives ${values.length} series instead of one number` };
  const value = Number(values[0]?.[1]);
  if (!Number.isFinite(value)) return { skipped: `the query gives ${values[0]?.[1]}` };
  return { value };
}
