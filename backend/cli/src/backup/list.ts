import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { safe } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { act } from './act.ts';
import type { BackupCommand } from './command.ts';
import { backupDocument, type BackupDocument } from './document.ts';
import { dirOption, jsonOption, onlyOfOption, storageOption } from './options.ts';
import { openBackups } from './setup.ts';
import { ageText, durationText, sizeText } from './sizes.ts';

const EXAMPLES = `
Examples
  clearway backup list
  clearway backup list --database tracks
  clearway backup list --json | jq -r '.backups[] | select(.state == "exact") | .id'
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
        const { listBackups } = await import('@clearway/backups');
        const { storages, databaseName } = await openBackups(context, options);
        const listings = await Promise.all(storages.map((storage) => listBackups(storage)));
        const backups = listings.flatMap((listing) => listing.backups);
        const unreadable = listings.flatMap((listing) => listing.unreadable);
        const documents = backups
          .map(backupDocument)
          .filter(({ database }) => databaseName === undefined || database === databaseName);
        const faults = unreadable.map(({ id, problem }) => ({ id, problem }));
        if (options.json) context.out(JSON.stringify({ backups: documents, unreadable: faults }, null, 2));
        else render(documents, faults, storages.map(({ location }) => location).join(' and '), context);
        return EXIT.ok;
      });
      finish(code);
    });
}

const COLOURS = { exact: 'green', restored: 'green', decoded: 'yellow', unverified: 'yellow', damaged: 'red' } as const;

/** A state with its colour. */
export function stateText(state: string, context: CliContext): string {
  return context.style(COLOURS[state as keyof typeof COLOURS], state);
}

function render(
  documents: readonly BackupDocument[],
  faults: readonly { readonly id: string; readonly problem: string }[],
  location: string,
  context: CliContext,
): void {
  if (documents.length === 0 && faults.length === 0) {
    context.out(
      `${location} ${location.includes(' and ') ? 'hold' : 'holds'} no backup. Make one: clearway backup create`,
    );
    return;
  }
  const nowMs = context.clock.nowMs();
  const rows = documents.map((document) => [
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
  for (const line of table(COLUMNS, rows)) context.out(line);
  for (const { id, problem } of faults) context.out(`${context.style('red', 'unreadable')}  ${id}: ${safe(problem)}`);
}
