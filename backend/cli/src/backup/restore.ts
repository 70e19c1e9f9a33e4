import type { RestoreResult } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { safe } from '../terminal/style.ts';
import { act } from './act.ts';
import type { BackupCommand } from './command.ts';
import { findBackup } from './find.ts';
import { databaseToUse, identitiesToUse, openBackups } from './setup.ts';
import { durationText } from './sizes.ts';

const EXAMPLES = `
Examples
  clearway backup restore latest --to tracks_copy                    beside what is there
  clearway backup restore 20261122T020000Z-tracks-3f9a1c --to tracks in the place of what is there
  clearway backup restore latest --to tracks --server env:OTHER_SERVER_URL --make-roles
`;

/** Adds `clearway backup restore`. */
export function addRestoreCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('restore')
    .summary('restore a backup, compare it, and put it in place')
    .description(
      'Restores a backup into a new database, compares it with the manifest, and gives it the name. What had the name is' +
        ' backed up first and kept under another name until it is confirmed.',
    )
    .argument('[id]', 'the backup, or latest', 'latest')
    .option('--to <database>', 'name that the restored database shall have')
    .option('-d, --database <name>', 'of which database the latest is meant')
    .option('--server <url>', 'a database of the server to restore to, or env:VARIABLE; DATABASE_URL otherwise')
    .option('--in-place', 'empty the database and fill it again, in one transaction')
    .option('--make-roles', 'make the roles that the server has not, without passwords')
    .option('--unproven', 'restore a backup that was never restored before')
    .option('--point-in-time <time>', 'restore to a moment: dumps cannot')
    .option('--identity <file>', 'private keys of age; AGE_IDENTITY_FILE otherwise')
    .option('--dir <directory>', 'where backups are kept; BACKUP_DIR otherwise')
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', EXAMPLES)
    .action(async (id, options) => {
      const asJson = options.json === true;
      const code = await act(context, asJson, async (acting) => {
        const { to } = options;
        if (to === undefined) throw new UsageError('restore to which database? --to NAME');
        const { urlOfDatabase } = await import('@clearway/backups');
        const { engine, storage } = await openBackups(context, options);
        const result = await engine.restore({
          backup: await findBackup(storage, id, options.database),
          serverUrl: urlOfDatabase(await databaseToUse(context, options.server), 'postgres'),
          database: to,
          storage,
          inPlace: options.inPlace,
          makeRoles: options.makeRoles,
          allowUnproven: options.unproven,
          pointInTime: options.pointInTime,
          identities: await identitiesToUse(context, options.identity),
          ...acting,
        });
        if (asJson) context.out(JSON.stringify(result, null, 2));
        else render(result, context);
        return EXIT.ok;
      });
      finish(code);
    });
}

function render(result: RestoreResult, context: CliContext): void {
  context.progress?.('');
  const equal = result.isExact ? ', equal to its manifest in every table' : '';
  context.out(
    `${context.style('green', 'restored')}  ${safe(result.database)} from ${result.backupId} in ${durationText(result.restoreSeconds)}${equal}`,
  );
  if (result.safetyBackupId !== null) context.out(`what was there before: backup ${result.safetyBackupId}`);
  for (const note of result.notes) context.out(safe(note));
}
