import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { safe } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { act, printFailure } from './act.ts';
import type { BackupCommand } from './command.ts';
import { failureDocument } from './document.ts';
import { faultsOf, listAll, type Listing } from './listing.ts';
import { dirOption, jsonOption, onlyOfOption, storageOption } from './options.ts';
import { openBackups } from './setup.ts';
import { ageText, durationText, sizeText } from './sizes.ts';

const EXAMPLES = `
What cannot be read, be it a backup or a storage, is told after what can, and gives the exit status of its class.

Examples
  clearway backup list
  clearway backup list --database tracks
  clearway backup list --json | jq -r '.backups[] | select(.state == "exact") | .id'
  clearway backup list --json | jq -r '.unreadable[] | .id + ": " + .problem'
`;

const COLUMNS = [
  { title: 'ID' },
  { title: 'DATABASE' },
  { title: 'STORAGE' },
  { title: 'STATE' },
  { title: 'MADE' },
  { title: 'SIZE', align: 'right' },
  { title: 'ROWS', align: 'right' },
  { title: 'RESTORE', align: 'right' },
  { title: 'NOTE' },
] as const;

/** Adds `clearway backup list`. */
export function addListCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('list')
    .summary('list the backups and how far each is proven')
    .description('Lists the backups, oldest first, and how far each is proven.')
    .addOption(onlyOfOption)
    .addOption(storageOption)
    .addOption(dirOption)
    .addOption(jsonOption)
    .addHelpText('after', EXAMPLES)
    .action(async (options) => {
      const code = await act(context, options.json === true, async () => {
        const { storages, databaseName } = await openBackups(context, options);
        const listing = await listAll(storages, databaseName);
        const faults = await faultsOf(listing);
        if (options.json) context.out(JSON.stringify(documentOf(listing), null, 2));
        else
          render(
            listing,
            storages.map(({ location }) => location),
            databaseName,
            context,
          );
        for (const fault of faults) printFailure(fault, false, context);
        return faults[0]?.exitCode ?? EXIT.ok;
      });
      finish(code);
    });
}

const documentOf = ({ failures, ...found }: Listing): object => ({
  ...found,
  failures: failures.map(({ storage, failure }) => ({ storage, ...failureDocument(failure) })),
});

const COLOURS = { exact: 'green', restored: 'green', decoded: 'yellow', unverified: 'yellow', damaged: 'red' } as const;

/** A state with its colour. */
export function stateText(state: string, context: CliContext): string {
  return context.style(COLOURS[state as keyof typeof COLOURS], state);
}

function render(
  { backups, unreadable, failures }: Listing,
  locations: readonly string[],
  database: string | undefined,
  context: CliContext,
): void {
  if (backups.length + unreadable.length + failures.length === 0) {
    const of = database === undefined ? '' : ` of ${safe(database)}`;
    const hold = locations.length > 1 ? 'hold' : 'holds';
    context.out(`${locations.join(' and ')} ${hold} no backup${of}. Make one: clearway backup create`);
    return;
  }
  const nowMs = context.clock.nowMs();
  const rows = backups.map((document) => [
    document.id,
    safe(document.database ?? ''),
    document.storage === 'local' ? '' : document.storage,
    stateText(document.state, context),
    ageText(document.createdAt, nowMs),
    sizeText(document.sizeBytes),
    document.rows === null ? '' : String(document.rows),
    document.restoreSeconds === null ? '' : durationText(document.restoreSeconds),
    [document.purpose === 'regular' ? '' : document.purpose, document.encrypted ? 'encrypted' : '']
      .filter(Boolean)
      .join(', '),
  ]);
  if (rows.length > 0) for (const line of table(COLUMNS, rows)) context.out(line);
  for (const { id, problem } of unreadable)
    context.out(`${context.style('red', 'unreadable')}  ${id}: ${safe(problem)}`);
}
