import type { DatabaseResources } from '@clearway/contracts';
import { z } from 'zod';
import type { Answer } from '../watch/answer.ts';
import { getJson, SourceError } from './http.ts';
import { bothSkipped, percent, type ResourceReader } from './resource-reader.ts';

type Settings = Extract<DatabaseResources, { from: 'neon' }>;

const endpointAnswer = z.object({
  endpoint: z.object({
    branch_id: z.string(),
    current_state: z.string(),
    autoscaling_limit_min_cu: z.number(),
    autoscaling_limit_max_cu: z.number(),
  }),
});
const branchAnswer = z.object({
  branch: z.object({ compute_time_seconds: z.number(), active_time_seconds: z.number() }),
});
type Branch = z.output<typeof branchAnswer>['branch'];
type Endpoint = z.output<typeof endpointAnswer>['endpoint'];

const NO_MEMORY = "Neon's API does not tell the memory in use: take it from a PromQL query";

/**
 * What Neon's API tells of a compute: how much of it was allocated. `compute_time_seconds` are compute units times
 * seconds and `active_time_seconds` are seconds, so that their quotient is the mean size between two readings; it is
 * compared with the largest size that autoscaling may take. A compute of fixed size therefore tells nothing.
 *
 * Source: https://neon.com/docs/reference/api (endpoints and branches)
 */
export function neonResources({ url, project, endpoint, apiKey }: Settings): ResourceReader {
  const base = url.replace(/\/+$/, '');
  const headers = { authorization: `Bearer ${apiKey}` };
  let before: Branch | undefined;
  const get = async <T>(schema: z.ZodType<T>, path: string, signal: AbortSignal): Promise<T> => {
    const parsed = schema.safeParse(await getJson(new URL(`${base}/projects/${project}${path}`), headers, signal));
    if (!parsed.success) throw new SourceError(`${new URL(base).host} answered in a form that is not known`);
    return parsed.data;
  };
  return {
    source: 'neon',
    everyMs: 60_000,
    async read(signal) {
      try {
        const { endpoint: compute } = await get(endpointAnswer, `/endpoints/${endpoint}`, signal);
        const { branch } = await get(branchAnswer, `/branches/${compute.branch_id}`, signal);
        const last = before;
        // Neon counts every few minutes: an unchanged reading says nothing new
        if (!last || branch.active_time_seconds !== last.active_time_seconds) before = branch;
        return { cpuPercent: allocated(compute, last, branch), memoryPercent: { skipped: NO_MEMORY } };
      } catch (error) {
        if (error instanceof SourceError) return bothSkipped(error.message);
        throw error;
      }
    },
  };
}

function allocated(compute: Endpoint, before: Branch | undefined, now: Branch): Answer<number> {
  const { autoscaling_limit_min_cu: smallest, autoscaling_limit_max_cu: largest } = compute;
  if (compute.current_state === 'idle') return { skipped: 'the compute is suspended' };
  if (smallest === largest) {
    return { skipped: `the compute has the fixed size ${largest} CU, of which Neon's API does not tell the load` };
  }
  if (!before) return { skipped: 'known from the second reading on' };
  const active = now.active_time_seconds - before.active_time_seconds;
  const units = now.compute_time_seconds - before.compute_time_seconds;
  if (active <= 0 || units < 0) return { skipped: 'Neon has counted nothing new since the last reading' };
  return percent(units / active, largest);
}
