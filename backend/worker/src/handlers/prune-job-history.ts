import { DEFAULT_KEEP_DAYS, pruneHistory, type Connections, type JobContext } from '@clearway/jobs';

/** Deletes runs, keys and audit entries that are older than they are kept. */
export async function pruneJobHistory(connections: Connections, context: JobContext): Promise<void> {
  const count = await pruneHistory(connections, DEFAULT_KEEP_DAYS, context.signal, (deleted) =>
    context.log.debug('deleted', { rows: deleted }),
  );
  context.log.info('history pruned', { rows: count });
}
