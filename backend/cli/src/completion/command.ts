import { Argument, type Command } from '@commander-js/extra-typings';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { COMPLETION_SCRIPTS } from './shells.ts';
import { completionTree } from './tree.ts';

const EXAMPLES = `
Examples
  source <(clearway completion bash)
  clearway completion zsh > ~/.zfunc/_clearway
  clearway completion fish > ~/.config/fish/completions/clearway.fish
`;

/** Adds `clearway completion`. */
export function addCompletionCommand(program: Command, context: CliContext, finish: Finish): void {
  program
    .command('completion')
    .summary('print the completion script of a shell')
    .description('Prints a script that makes a shell complete the commands and options of clearway.')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish'] as const))
    .addHelpText('after', EXAMPLES)
    .action((shell) => {
      context.out(COMPLETION_SCRIPTS[shell](completionTree(program)).trimEnd());
      finish(EXIT.ok);
    });
}
