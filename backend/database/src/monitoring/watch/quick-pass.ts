import {
  connectionBreakdown,
  connectionCount,
  connectionStats,
  longRunningConnections,
} from '../connections/queries.ts';
import { sequentialScans } from '../indexes/queries.ts';
import { blockingTree, locks } from '../locks/queries.ts';
import { replicas, replicationSlots } from '../replication/queries.ts';
import { serverState } from '../server/queries.ts';
import { queryCounters } from '../slow-queries/queries.ts';
import { firstRow } from './answer.ts';
import type { Asker } from './ask-all.ts';

/** What a quick pass asks: each answer takes the server a few milliseconds. */
export async function quickQuestions({ rows }: Asker, settings: { readonly slowMs: number }) {
  return {
    server: firstRow(await rows(serverState)),
    usage: firstRow(await rows(connectionCount)),
    states: firstRow(await rows(connectionStats)),
    breakdown: await rows(connectionBreakdown),
    sessions: await rows(longRunningConnections, [0, 200]),
    waiting: await rows(blockingTree),
    relations: await rows(locks),
    queries: await rows(queryCounters, [settings.slowMs, 500]),
    scans: await rows(sequentialScans),
    replicas: await rows(replicas),
    slots: await rows(replicationSlots),
  };
}

/** What a quick pass found. */
export type QuickAnswers = Awaited<ReturnType<typeof quickQuestions>>;
