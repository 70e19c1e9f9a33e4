import type { Command } from '@commander-js/extra-typings';
import { BACKUP_EXIT_CODES } from './exit-codes.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { addAdoptCommand } from './adopt.ts';
import { addCreateCommand } from './create.ts';
import { addDiffCommand } from './diff.ts';
import { addDrillCommand } from './drill.ts';
import { addListCommand } from './list.ts';
import { addMonitorCommand } from './monitor.ts';
import { addNeonCommand } from './neon.ts';
import { addNewKeyCommand } from './new-key.ts';
import { addPruneCommand } from './prune.ts';
import { addRecoverCommand } from './recover.ts';
import { addRestoreCommand } from './restore.ts';
import { addRunCommand } from './run.ts';
import { addScheduleCommand } from './schedule/command.ts';
import { addShowCommand } from './show.ts';
import { addVerifyCommand } from './verify.ts';

/** A variable of a script that is not set gives an empty text, which would mean the folder one is in, or the usual database. */
function assertNoneEmpty(command: Pick<Command, 'opts' | 'args'>): void {
  for (const [name, value] of Object.entries(command.opts()))
    if ([value].flat().includes(''))
      throw new UsageError(`--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is empty`);
  if (command.args.includes('')) throw new UsageError('an argument is empty');
}

/** The group that the commands on backups are added to. */
export type BackupCommand = Pick<Command, 'command'>;

/** Adds `clearway backup` and its commands. */
export function addBackupCommand(program: Command, context: CliContext, finish: Finish): void {
  const backup = program
    .command('backup')
    .summary('make, prove and restore backups of PostgreSQL')
    .description('Makes backups of PostgreSQL databases, proves them by restoring and comparing, and restores them.')
    .addHelpText('after', BACKUP_EXIT_CODES)
    .hook('preAction', (_, command) => assertNoneEmpty(command));
  addCreateCommand(backup, context, finish);
  addAdoptCommand(backup, context, finish);
  addListCommand(backup, context, finish);
  addShowCommand(backup, context, finish);
  addVerifyCommand(backup, context, finish);
  addRestoreCommand(backup, context, finish);
  addPruneCommand(backup, context, finish);
  addDiffCommand(backup, context, finish);
  addRecoverCommand(backup, context, finish);
  addDrillCommand(backup, context, finish);
  addNewKeyCommand(backup, context, finish);
  addMonitorCommand(backup, context, finish);
  addRunCommand(backup, context, finish);
  addScheduleCommand(backup, context, finish);
  addNeonCommand(backup, context, finish);
}
