import { ConfigurationError } from '@clearway/kernel';
import { CommanderError } from 'commander';
import { processContext } from './config/process.ts';
import type { CliContext } from './context.ts';
import { EXIT, UsageError, type ExitCode } from './exit-codes.ts';
import { createProgram } from './program.ts';

/**
 * Runs one command line.
 *
 * @param args without the names of node and the script
 * @returns the exit status
 * @example
 * const exitCode = await run(['check', 'clearway.yaml'], context);
 */
export async function run(args: readonly string[], context: CliContext): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  let hasPrinted = false;
  const out = (line: string): void => {
    hasPrinted = true;
    context.out(line);
  };
  const program = createProgram({ ...context, out }, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (args.includes('--json') && !hasPrinted) context.out(JSON.stringify({ failure: toldFailure(error) }, null, 2));
    return explainFailure(error, context);
  }
}

/** For scripts, which read standard output alone: a failure that no command told as JSON. */
function toldFailure(error: unknown): object {
  const reason =
    error instanceof ConfigurationError
      ? 'configuration'
      : error instanceof UsageError || error instanceof CommanderError
        ? 'usage'
        : 'unexpected';
  return { reason, message: error instanceof Error ? error.message : String(error), remedy: null };
}

/** Runs the command line of this process and sets its exit status. */
export async function runProcess(): Promise<void> {
  // a reader that has seen enough, such as `head`, is no failure
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    throw error;
  });
  process.exitCode = await run(process.argv.slice(2), processContext());
}

function explainFailure(error: unknown, context: CliContext): ExitCode {
  // commander has written its message already
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof ConfigurationError) {
    context.error(error.message);
    return EXIT.configuration;
  }
  if (error instanceof UsageError) {
    context.error(`error: ${error.message}`);
    return EXIT.usage;
  }
  context.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  return EXIT.problem;
}
