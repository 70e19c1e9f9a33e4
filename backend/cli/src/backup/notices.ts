import type { BackupEvent } from '@clearway/backups';
import type { CliContext } from '../context.ts';

/** Tells an event to the channels that the variables name, and says of those that could not be reached why. */
export async function tellNotices(context: CliContext, event: BackupEvent): Promise<boolean> {
  const { openNotices } = await import('@clearway/backups');
  const outcomes = await openNotices(context.variables).tell(event);
  for (const { channel, problem } of outcomes) {
    if (problem !== undefined) context.error(`warning: the notice to ${channel} did not leave: ${problem}`);
  }
  return outcomes.some(({ problem }) => problem === undefined);
}
