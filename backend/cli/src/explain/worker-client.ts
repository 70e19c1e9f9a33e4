import {
  logsDataSchema,
  recentRecordListSchema,
  traceListSchema,
  traceSchema,
  type LogsData,
  type RecentRecord,
  type Trace,
  type TraceSummary,
} from '@clearway/contracts';
import type { z } from 'zod';

/** Why an operations API could not be asked, in words for the person at the terminal. */
export class UnreachableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnreachableError';
  }
}

const ANSWER_LIMIT_MS = 10_000;
/** As many summaries as the worker gives at once. */
const PAGE = 500;

/** The part of the operations APIs that explains a request. */
export interface WorkerClient {
  readonly url: string;
  /** Undefined when the worker does not know the trace. */
  trace(traceId: string): Promise<Trace | undefined>;
  logs(traceId: string): Promise<LogsData>;
  byRequestId(requestId: string): Promise<readonly TraceSummary[]>;
  recent(): Promise<readonly TraceSummary[]>;
}

/**
 * Asks the worker.
 *
 * @param url its address
 * @param token an operations token; not needed on loopback without OPERATIONS_TOKENS
 */
export function workerClient(url: string, token: string | undefined): WorkerClient {
  const get = <T>(path: string, schema: z.ZodType<T>) => getJson(url, path, token, schema, 'the worker');
  const list = async (query: string) => (await get(`/api/traces?${query}`, traceListSchema))?.traces ?? [];
  return {
    url,
    trace: (traceId) => get(`/api/traces/${traceId}`, traceSchema),
    logs: async (traceId) => (await get(`/api/traces/${traceId}/logs`, logsDataSchema)) ?? { resourceLogs: [] },
    byRequestId: (requestId) => list(`requestId=${encodeURIComponent(requestId)}&limit=10`),
    recent: () => list(`limit=${PAGE}`),
  };
}

/** What the gateway remembers of a request; undefined when it does not, or cannot be asked. */
export async function recentRecord(
  gatewayUrl: string,
  token: string | undefined,
  id: string,
): Promise<RecentRecord | undefined> {
  try {
    const path = '/api/gateway/records?limit=1000';
    const answer = await getJson(gatewayUrl, path, token, recentRecordListSchema, 'the gateway');
    return answer?.records.find((record) => record.traceId === id || record.id === id);
  } catch {
    return undefined; // only makes a good answer better
  }
}

async function getJson<T>(
  base: string,
  path: string,
  token: string | undefined,
  schema: z.ZodType<T>,
  who: string,
): Promise<T | undefined> {
  const answer = await request(base, path, token, who);
  if (answer.status === 404) return undefined;
  if (answer.status === 401 || answer.status === 403) {
    const remedy =
      token === undefined
        ? 'set OPERATIONS_TOKEN to one of OPERATIONS_TOKENS'
        : 'OPERATIONS_TOKEN is not one of its tokens';
    throw new UnreachableError(`${who} at ${base} refuses to answer (${answer.status}): ${remedy}`);
  }
  if (!answer.ok) throw new UnreachableError(`${who} at ${base} answered ${answer.status} to ${path}`);
  const parsed = schema.safeParse(await answer.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new UnreachableError(`what answers at ${base} is not ${who} of this version: check --url`);
}

/** A redirect is an error: the token must not follow it to another host. */
async function request(base: string, path: string, token: string | undefined, who: string): Promise<Response> {
  try {
    return await fetch(new URL(path, base), {
      headers: { accept: 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
  } catch (error) {
    const { name, cause } = error as Error & { cause?: NodeJS.ErrnoException };
    const why =
      name === 'TimeoutError'
        ? `no answer within ${ANSWER_LIMIT_MS / 1000} s`
        : (cause?.code ?? cause?.message ?? name);
    throw new UnreachableError(
      `${who} at ${base} cannot be reached (${why}): start it with npm start, or say where it is with --url`,
      {
        cause: error,
      },
    );
  }
}
