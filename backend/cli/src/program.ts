import { Command } from '@commander-js/extra-typings';
import { addAuditCommand } from './audit/command.ts';
import { addBackupCommand } from './backup/command.ts';
import { addCheckCommand } from './check/command.ts';
import type { CliContext } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import { addCompletionCommand } from './completion/command.ts';
import { addDatabaseCommand } from './database/command.ts';
import { addDeadLettersCommand } from './dead-letters/command.ts';
import { addDoctorCommand } from './doctor/command.ts';
import { addExplainCommand } from './explain/command.ts';
import { addJobsCommand } from './jobs/command.ts';
import { addRoutesCommand } from './routes/command.ts';
import { VERSION } from './version.ts';

/** Takes the exit status of the command that ran. */
export type Finish = (exitCode: ExitCode) => void;

const EXIT_CODES = `
Exit status
  0   done, nothing wrong
  1   something is wrong: what, and what to do, was printed
  64  the command line was not understood
  78  the configuration is faulty
`;

/** The whole command line, as a tree of commands. */
export function createProgram(context: CliContext, finish: Finish = () => {}): Command {
  const program = new Command('clearway')
    .description('Checks, explains and diagnoses the Clearway API gateway.')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(see --help)')
    .configureOutput({
      writeOut: (text) => context.out(text.replace(/\n$/, '')),
      writeErr: (text) => context.error(text.replace(/\n$/, '')),
      getOutHelpWidth: () => context.columns,
      getErrHelpWidth: () => context.columns,
    })
    .addHelpText('after', EXIT_CODES);
  addCheckCommand(program, context, finish);
  addRoutesCommand(program, context, finish);
  addExplainCommand(program, context, finish);
  addDoctorCommand(program, context, finish);
  addDatabaseCommand(program, context, finish);
  addBackupCommand(program, context, finish);
  addJobsCommand(program, context, finish);
  addDeadLettersCommand(program, context, finish);
  addAuditCommand(program, context, finish);
  addCompletionCommand(program, context, finish);
  return program;
}
