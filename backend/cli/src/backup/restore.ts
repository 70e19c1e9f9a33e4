import type { RestoreJournal, RestoreResult } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError, type ExitCode } from '../exit-codes.ts';
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
  clearway backup restore --confirm 20261122T093000Z-restore-91c0de  remove the database that was replaced
  clearway backup restore --undo 20261122T093000Z-restore-91c0de     give it its name back
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
    .option('--no-owners', 'give nothing to its owner and no rights to anyone')
    .option('--confirm <restore>', 'remove the database that a restore replaced')
    .option('--undo <restore>', 'give the database that a restore replaced its name back')
    .option('--unproven', 'restore a backup that was never restored before')
    .option('--point-in-time <time>', 'restore to a moment: dumps cannot')
    .option('--identity <file>', 'private keys of age; AGE_IDENTITY_FILE otherwise')
    .option('--dir <directory>', 'where backups are kept; BACKUP_DIR otherwise')
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', EXAMPLES)
    .action(async (id, options) => {
      const asJson = options.json === true;
      const code = await act(context, asJson, async (acting) => {
        const { urlOfDatabase } = await import('@clearway/backups');
        const { engine, storage } = await openBackups(context, options);
        const { to, confirm, undo } = options;
        const serverUrl = urlOfDatabase(await databaseToUse(context, options.server), 'postgres');
        const settled = confirm ?? undo;
        if (settled !== undefined) {
          const which = { serverUrl, id: settled };
          return settledRestore(
            await (confirm === undefined ? engine.undo(which) : engine.confirm(which)),
            asJson,
            context,
          );
        }
        if (to === undefined) throw new UsageError('restore to which database? --to NAME');
        const result = await engine.restore({
          backup: await findBackup(storage, id, options.database, 'exact'),
          serverUrl,
          database: to,
          storage,
          inPlace: options.inPlace,
          makeRoles: options.makeRoles,
          withoutOwners: !options.owners,
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

function settledRestore(journal: RestoreJournal, asJson: boolean, context: CliContext): ExitCode {
  const { id, step, database, oldDatabase, newDatabase } = journal;
  if (asJson) context.out(JSON.stringify(journal, null, 2));
  else if (step === 'confirmed') context.out(`${id} is confirmed: ${oldDatabase ?? 'nothing'} was removed`);
  else context.out(`${id} is undone: ${database} is what it was, and what was restored is ${newDatabase}`);
  return EXIT.ok;
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
