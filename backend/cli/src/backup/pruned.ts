import type { DatabasePruned, PruneResult } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { count, safe } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { failureDocument } from './document.ts';
import { stateText } from './list.ts';
import { ageText } from './sizes.ts';

/** What pruning came to, as scripts read it. */
export function prunedDocument(results: readonly PruneResult[], isDryRun: boolean): object {
  const storages = results.flatMap((result) => result.storages);
  return {
    dryRun: isDryRun,
    storages: storages.map(({ storage, databases, tidied, failure }) => ({
      storage,
      databases: databases.map(documentOf),
      tidied,
      failure: failure ? failureDocument(failure) : null,
    })),
    forgotten: results.flatMap(({ forgotten }) => forgotten),
  };
}

function documentOf({ database, plan, removed, inUse, failure }: DatabasePruned): object {
  const { decisions, lastProven, unprovenSince, isProvingFailing } = plan;
  return {
    database,
    lastProven: lastProven?.id ?? null,
    unprovenSince,
    isProvingFailing,
    backups: decisions.map(({ backup, action, why }) => ({ id: backup.id, state: backup.state, action, why })),
    removed,
    inUse,
    failure: failure ? failureDocument(failure) : null,
  };
}

const COLUMNS = [{ title: '' }, { title: 'ID' }, { title: 'STATE' }, { title: 'MADE' }, { title: 'WHY' }] as const;

/** Prints what pruning came to, for people. */
export function renderPruned(results: readonly PruneResult[], isDryRun: boolean, context: CliContext): void {
  const nowMs = context.clock.nowMs();
  const removing = isDryRun ? 'would go' : 'removed';
  for (const { storage, databases, tidied } of results.flatMap((result) => result.storages)) {
    for (const { database, plan, removed, inUse } of databases) {
      context.out(`${safe(database)} in ${storage}`);
      const rows = plan.decisions.map(({ backup, action, why }) => {
        const isGone = action === 'remove' && (isDryRun || removed.includes(backup.id));
        const what = action === 'keep' ? 'kept' : isGone ? context.style('yellow', removing) : 'left';
        const made = ageText(new Date(backup.madeAtMs).toISOString(), nowMs);
        const reader = inUse.find(({ id }) => id === backup.id)?.reader;
        const reason = reader === undefined ? why : `${safe(reader)} reads it: it goes the next time`;
        return [what, backup.id, stateText(backup.state, context), made, reason];
      });
      for (const line of table(COLUMNS, rows)) context.out(line);
      warnOfProving(database, storage, plan, context);
    }
    if (tidied.length > 0) context.out(`${storage}: ${count(tidied.length, 'leftover')} of killed processes removed`);
  }
  const isNothing = results.every((result) => result.storages.every(({ databases }) => databases.length === 0));
  if (isNothing) context.out('there is nothing to prune');
}

function warnOfProving(
  database: string,
  storage: string,
  { isProvingFailing, unprovenSince, lastProven }: DatabasePruned['plan'],
  context: CliContext,
): void {
  if (!isProvingFailing) return;
  const last = lastProven ? `the last proven one is ${lastProven.id}` : 'none is proven';
  context.error(
    `warning: ${count(unprovenSince, 'backup')} of ${safe(database)} in ${storage} ${unprovenSince === 1 ? 'is' : 'are'} not proven, and ${last}: find out why with clearway backup verify latest --level exact`,
  );
}
