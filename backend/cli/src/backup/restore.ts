import type { RestoreResult } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT, NotAnswered, UsageError, type ExitCode } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { safe } from '../terminal/style.ts';
import { act, type Acting } from './act.ts';
import type { BackupCommand } from './command.ts';
import { recipientsToUse } from './create.ts';
import { findBackup } from './find.ts';
import { dirOption, identityOption, jsonOption, latestOfOption, storageOption, waitOption } from './options.ts';
import { askWhatToRestore, confirmInPlace, NotConfirmed } from './restore-asking.ts';
import { checkOnly, listRestores, settle } from './restore-settling.ts';
import { databaseToUse, identitiesToUse, openBackups } from './setup.ts';
import { durationText, secondsOf } from './sizes.ts';

const EXAMPLES = `
Without --to, on a terminal, it asks: which backup, what it shall be called, and for that name once more.

Examples
  clearway backup restore latest --to tracks_copy                    beside what is there
  clearway backup restore 20261122T020000Z-tracks-3f9a1c --to tracks in the place of what is there
  clearway backup restore latest --to tracks --check                 only looks whether it would work
  clearway backup restore latest --to tracks --server env:OTHER_SERVER_URL --make-roles
  clearway backup restore --list                                     what was restored, and is not confirmed yet
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
    .addOption(latestOfOption)
    .option('--server <url>', 'a database of the server to restore to, or env:VARIABLE; DATABASE_URL otherwise')
    .option('--check', 'only look at what it needs: space, version, extensions, roles, rights, key')
    .option('--in-place', 'empty the database and fill it again, in one transaction')
    .option('--make-roles', 'make the roles that the server has not, without passwords')
    .option('--no-owners', 'give nothing to its owner and no rights to anyone')
    .option('--list', 'list the restores that were made from here')
    .option('--confirm <restore>', 'remove the database that a restore replaced')
    .option('--undo <restore>', 'give the database that a restore replaced its name back')
    .option('--unproven', 'restore a backup that was never restored before')
    .option('--point-in-time <time>', 'restore to a moment: dumps cannot')
    .option('-y, --yes', 'do not ask before a database is emptied')
    .addOption(waitOption)
    .addOption(identityOption)
    .addOption(storageOption)
    .addOption(dirOption)
    .addOption(jsonOption)
    .addHelpText('after', EXAMPLES)
    .action(async (id, options) => {
      const waitSeconds = options.wait === undefined ? 0 : secondsOf(options.wait);
      const work = (acting: Acting): Promise<ExitCode> => restore(id, options, context, acting);
      try {
        finish(await act(context, options.json === true, work, waitSeconds));
      } catch (error) {
        if (!(error instanceof NotConfirmed)) throw error;
        if (options.json) throw new NotAnswered();
        context.out('nothing was changed');
        finish(EXIT.problem);
      }
    });
}

/** The options as they were given. */
export interface RestoreOptions {
  readonly to?: string | undefined;
  readonly database?: string | undefined;
  readonly server?: string | undefined;
  readonly check?: true | undefined;
  readonly inPlace?: true | undefined;
  readonly makeRoles?: true | undefined;
  readonly owners: boolean;
  readonly list?: true | undefined;
  readonly confirm?: string | undefined;
  readonly undo?: string | undefined;
  readonly unproven?: true | undefined;
  readonly pointInTime?: string | undefined;
  readonly yes?: true | undefined;
  readonly identity?: string | undefined;
  readonly storage?: string | undefined;
  readonly dir?: string | undefined;
  readonly json?: true | undefined;
}

async function restore(id: string, options: RestoreOptions, context: CliContext, acting: Acting): Promise<ExitCode> {
  const { urlOfDatabase } = await import('@clearway/backups');
  const { engine, storage, databaseName, entry } = await openBackups(context, options);
  if (options.list) return listRestores(engine, options, context);
  const serverUrl = urlOfDatabase(await databaseToUse(context, options.server), 'postgres');
  if (options.confirm !== undefined || options.undo !== undefined) return settle(engine, serverUrl, options, context);
  const isAsking =
    options.to === undefined && context.ask !== undefined && !options.json && options.pointInTime === undefined;
  const chosen = isAsking
    ? await askWhatToRestore(storage, databaseName, context)
    : { backup: await findBackup(storage, id, databaseName, 'exact'), to: options.to };
  const { backup, to } = chosen;
  if (to === undefined && options.pointInTime === undefined)
    throw new UsageError('restore to which database? --to NAME');
  const recipients = entry?.policy.recipients ?? recipientsToUse(context, undefined);
  const request = {
    backup,
    serverUrl,
    database: to ?? '',
    storage,
    inPlace: options.inPlace,
    makeRoles: options.makeRoles,
    withoutOwners: !options.owners,
    allowUnproven: options.unproven,
    pointInTime: options.pointInTime,
    // of the safety backup: without any, those of the backup that is restored
    ...(recipients.length > 0 && { recipients }),
    identities: await identitiesToUse(context, options.identity),
    ...acting,
  };
  if (options.check) return checkOnly(request, options, context);
  if (options.inPlace && !options.yes && !isAsking) await confirmInPlace(request.database, context);
  const result = await engine.restore(request);
  if (options.json) context.out(JSON.stringify(result, null, 2));
  else render(result, context);
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
