import { activeConfigurationSchema, recentRecordListSchema, type RecentRecord } from '@clearway/contracts';
import { gatewaySections, type GatewayConfiguration } from '@clearway/gateway/configuration';
import { z } from 'zod';
import { operationsClient, UnreachableError } from '../../operations/client.ts';

/** What a running gateway tells of itself. */
export interface GatewayFacts {
  readonly url: string;
  readonly configuration: GatewayConfiguration;
  /** Since when that has been in force, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** Requests that it served, oldest first. */
  readonly records: readonly RecentRecord[];
}

/** What the admin listener gives at once, at most. */
const MOST_RECORDS = 1000;
const sections = z.object(gatewaySections);

/**
 * Asks a gateway for its active configuration and its recent requests.
 *
 * @param url of its admin listener
 * @param token an operations token; not needed on loopback without OPERATIONS_TOKENS
 * @throws UnreachableError or RefusedError when it cannot be asked
 */
export async function askGateway(url: string, token: string | undefined): Promise<GatewayFacts> {
  const client = operationsClient({ url, token, who: 'the gateway' });
  const get = async <T>(path: string, schema: z.ZodType<T>): Promise<T> => {
    const answer = await client.get(path, schema);
    if (answer === undefined) throw new UnreachableError(`what answers at ${url} is not the gateway: check --url`);
    return answer;
  };
  const [active, { records }] = await Promise.all([
    get('/api/gateway/configuration', activeConfigurationSchema),
    get(`/api/gateway/records?limit=${MOST_RECORDS}`, recentRecordListSchema),
  ]);
  const parsed = sections.safeParse(active.configuration);
  if (!parsed.success) {
    throw new UnreachableError(
      `the gateway at ${url} has a configuration of another version: use the command that came with it`,
    );
  }
  return { url, configuration: parsed.data, sinceMs: Date.parse(active.since), records: records.toReversed() };
}
