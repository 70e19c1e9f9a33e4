import type { ContentDiff, Manifest, StoredBackup } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { count, safe } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { act, type Acting } from './act.ts';
import type { BackupCommand } from './command.ts';
import { findBackup } from './find.ts';
import { databaseOption, dirOption, jsonOption, storageOption } from './options.ts';
import { databaseToUse, openBackups } from './setup.ts';

const EXAMPLES = `
Exit status: 0 when nothing differs, 1 when something does.

Examples
  clearway backup diff                               what has changed since the newest backup
  clearway backup diff latest --database tracks
  clearway backup diff 20261121T020000Z-tracks-91c0de 20261122T020000Z-tracks-3f9a1c
  clearway backup diff --json | jq '.tables[] | select(.change == "removed")'
`;

/** One side of a comparison. */
interface Side {
  readonly name: string;
  readonly at: string;
  readonly content: NonNullable<Manifest['content']>;
  readonly cluster: string | null;
}

/** Adds `clearway backup diff`. */
export function addDiffCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('diff')
    .summary('say what differs between two backups, or between a backup and the database')
    .description(
      'Says what has changed between two backups, or since a backup in the database itself: tables, their rows and checksums,' +
        ' sequences, and all other objects. The database is read as for a backup, and nothing is written.',
    )
    .argument('[from]', 'a backup, or latest', 'latest')
    .argument('[to]', 'another backup, or latest; the database itself when it is left out')
    .addOption(databaseOption)
    .addOption(storageOption)
    .addOption(dirOption)
    .addOption(jsonOption)
    .addHelpText('after', EXAMPLES)
    .action(async (from, to, options) => {
      const code = await act(context, options.json === true, async (acting) => {
        const { diffContent } = await import('@clearway/backups');
        const { storage, entry } = await openBackups(context, options);
        const live = to === undefined ? await databaseToUse(context, options.database, entry) : undefined;
        const name = await nameOf(live, options.database);
        const before = await sideOf(await findBackup(storage, from, name, 'newest'));
        const after =
          live === undefined
            ? await sideOf(await findBackup(storage, to ?? 'latest', name, 'newest'))
            : await liveSide(live, acting, context);
        const diff = diffContent(before.content, after.content);
        if (options.json) context.out(JSON.stringify({ from: shown(before), to: shown(after), ...diff }, null, 2));
        else render(before, after, diff, context);
        return diff.tables.length + diff.objects.length === 0 ? EXIT.ok : EXIT.problem;
      });
      finish(code);
    });
}

async function nameOf(live: string | undefined, database: string | undefined): Promise<string | undefined> {
  const { databaseOfUrl } = await import('@clearway/backups');
  return live === undefined ? database : databaseOfUrl(live);
}

const shown = ({ name, at }: Side) => ({ name, at });

async function sideOf({ id, manifest }: StoredBackup): Promise<Side> {
  const { BackupFailure } = await import('@clearway/backups');
  const { content, source, completedAt } = manifest;
  if (content) return { name: id, at: completedAt, content, cluster: source?.systemIdentifier ?? null };
  throw new BackupFailure('unsupported', `${id} was made elsewhere: it has no manifest to compare with`);
}

async function liveSide(connectionString: string, acting: Acting, { clock }: CliContext): Promise<Side> {
  const { measureDatabase, placeOfUrl } = await import('@clearway/backups');
  const { source, content } = await measureDatabase(connectionString, acting);
  const at = new Date(clock.nowMs()).toISOString();
  return { name: placeOfUrl(connectionString), at, content, cluster: source.systemIdentifier };
}

const rowsText = (rows: number | null): string => (rows === null ? '' : String(rows));

function render(before: Side, after: Side, diff: ContentDiff, context: CliContext): void {
  context.progress?.('');
  context.out(`from  ${safe(before.name)}  ${before.at}`);
  context.out(`to    ${safe(after.name)}  ${after.at}`);
  if (before.cluster !== null && after.cluster !== null && before.cluster !== after.cluster)
    context.out(`${context.style('yellow', 'warning')}: they are on different clusters`);
  context.out('');
  const rows = diff.tables.map(({ schema, table: name, change, rowsBefore, rowsAfter, note }) => [
    safe(`${schema}.${name}`),
    change,
    rowsText(rowsBefore),
    rowsText(rowsAfter),
    rowsBefore === null || rowsAfter === null ? '' : signed(rowsAfter - rowsBefore),
    safe(note ?? ''),
  ]);
  const columns = [
    { title: 'TABLE' },
    { title: 'CHANGE' },
    { title: 'ROWS BEFORE', align: 'right' as const },
    { title: 'AFTER', align: 'right' as const },
    { title: 'BY', align: 'right' as const },
    { title: 'NOTE' },
  ];
  if (rows.length > 0) for (const line of table(columns, rows)) context.out(line);
  for (const { kind, name, change, note } of diff.objects)
    context.out(`${change.padEnd(7)}  ${kind} ${safe(name)}${note === undefined ? '' : `: ${safe(note)}`}`);
  context.out(`${count(diff.sameTables, 'table is', 'tables are')} the same to the last value`);
}

const signed = (n: number): string => (n > 0 ? `+${n}` : n === 0 ? '' : String(n));
