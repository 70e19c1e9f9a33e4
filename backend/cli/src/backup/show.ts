import type { StoredBackup } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { safe } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { act } from './act.ts';
import type { BackupCommand } from './command.ts';
import { backupDocument } from './document.ts';
import { findBackup } from './find.ts';
import { stateText } from './list.ts';
import { dirOption, latestOfOption, storageOption } from './options.ts';
import { openBackups } from './setup.ts';
import { durationText, sizeText } from './sizes.ts';

const EXAMPLES = `
Examples
  clearway backup show                      the newest exact backup
  clearway backup show 20261122T020000Z-tracks-3f9a1c
  clearway backup show latest --database tracks --json | jq '.manifest.content.tables[] | {name, rowCount}'
`;

/** Adds `clearway backup show`. */
export function addShowCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('show')
    .summary('say what a backup holds and how it was proven')
    .description('Says what a backup holds: its source, tables with their rows, roles, files, and every verification.')
    .argument('[id]', 'the backup, or latest', 'latest')
    .addOption(latestOfOption)
    .addOption(storageOption)
    .addOption(dirOption)
    .option('--json', 'print JSON with the whole manifest, for scripts')
    .addHelpText('after', EXAMPLES)
    .action(async (id, options) => {
      const code = await act(context, options.json === true, async () => {
        const { storage, databaseName } = await openBackups(context, options);
        const found = await findBackup(storage, id, databaseName, 'exact');
        const { manifest, verifications } = found;
        if (options.json) {
          const document = { ...backupDocument(found), manifest, verifications: verifications.verifications };
          context.out(JSON.stringify(document, null, 2));
        } else renderBackup(found, context);
        return EXIT.ok;
      });
      finish(code);
    });
}

/** Says what a backup holds and how it was proven. */
export function renderBackup(backup: StoredBackup, context: CliContext): void {
  const { manifest, verifications } = backup;
  const { source, dump, content, encryption, roles } = manifest;
  const document = backupDocument(backup);
  const used = roles.filter(({ isUsed }) => isUsed).map(({ name }) => name);
  const facts: [string, string][] = [
    ['id', document.id],
    ['state', `${stateText(document.state, context)} since ${document.stateSince}`],
    [
      'database',
      source
        ? `${source.database} on ${source.host}, PostgreSQL ${source.version}, ${sizeText(source.sizeBytes)}`
        : 'dumped elsewhere',
    ],
    ['cluster', source?.systemIdentifier ?? 'not known'],
    ['made', `${manifest.completedAt} in ${durationText(manifest.durationSeconds)} by ${dump.tool}`],
    ['file', `${document.file}, ${sizeText(document.sizeBytes)}, ${dump.format}, ${dump.compression}`],
    ['encrypted', encryption ? `for ${encryption.recipients.join(', ')}` : 'no'],
    ['extensions', source?.extensions.map(({ name, version }) => `${name} ${version}`).join(', ') ?? ''],
    ['roles', used.join(', ')],
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  for (const [name, value] of facts) if (value !== '') context.out(`${name.padEnd(width)}  ${value}`);
  for (const warning of manifest.warnings) context.out(`${context.style('yellow', 'warning')}: ${safe(warning)}`);
  if (content) {
    context.out('');
    const rows = content.tables.map(({ schema, name, rowCount }) => [safe(`${schema}.${name}`), String(rowCount)]);
    for (const line of table([{ title: 'TABLE' }, { title: 'ROWS', align: 'right' }], rows)) context.out(line);
  }
  if (verifications.verifications.length === 0) return;
  context.out('');
  const columns = [
    { title: 'VERIFIED' },
    { title: 'LEVEL' },
    { title: 'OUTCOME' },
    { title: 'TOOK', align: 'right' as const },
    { title: 'NOTE' },
  ];
  const rows = verifications.verifications.map(({ at, level, outcome, durationSeconds, server, message }) => [
    at,
    level,
    outcome,
    durationText(durationSeconds),
    safe(message ?? server ?? ''),
  ]);
  for (const line of table(columns, rows)) context.out(line);
}
