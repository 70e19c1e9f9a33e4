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
import { operationsClient } from '../operations/client.ts';

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
  const client = operationsClient({ url, token });
  const list = async (query: string) => (await client.get(`/api/traces?${query}`, traceListSchema))?.traces ?? [];
  return {
    url,
    trace: (traceId) => client.get(`/api/traces/${traceId}`, traceSchema),
    logs: async (traceId) => (await client.get(`/api/traces/${traceId}/logs`, logsDataSchema)) ?? { resourceLogs: [] },
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
    const gateway = operationsClient({ url: gatewayUrl, token, who: 'the gateway' });
    const answer = await gateway.get('/api/gateway/records?limit=1000', recentRecordListSchema);
    return answer?.records.find((record) => record.traceId === id || record.id === id);
  } catch {
    return undefined; // only makes a good answer better
  }
}
