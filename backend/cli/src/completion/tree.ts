import type { CommandUnknownOpts } from '@commander-js/extra-typings';

/** What a shell needs to know of one option. */
export interface CompletedOption {
  readonly flags: readonly string[];
  readonly description: string;
  /** Whether a value follows. */
  readonly takesValue: boolean;
  readonly isFile: boolean;
}

/** What a shell needs to know of one command. */
export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  /** Words that its arguments may be: its own commands first. */
  readonly words: readonly string[];
  readonly takesFile: boolean;
}

const HELP: CompletedOption = {
  flags: ['-h', '--help'],
  description: 'display help for command',
  takesValue: false,
  isFile: false,
};

/** The commands of a program with their options and arguments, read from its tree. */
export function completionTree(program: CommandUnknownOpts): CompletedCommand[] {
  return program.commands.map((command) => ({
    name: command.name(),
    summary: command.summary() || command.description(),
    options: [
      ...command.options.map(({ short, long, description, required, optional, flags }) => ({
        flags: [short, long].filter((flag) => flag !== undefined),
        description,
        takesValue: required || optional,
        isFile: flags.includes('<file>'),
      })),
      HELP,
    ],
    words: [
      ...command.commands.map((sub) => sub.name()),
      ...command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    ],
    takesFile: command.registeredArguments.some((argument) => argument.name() === 'file'),
  }));
}
