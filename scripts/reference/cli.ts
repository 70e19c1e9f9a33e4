import { createProgram, EXIT, type CliContext } from '@clearway/cli';
import { manualClock } from '@clearway/kernel';
import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { markdownTable, page } from './markdown.ts';

const COLUMNS = 100;

const INTRODUCTION = `In a clone the command is \`npx clearway\`. Colours are used on a terminal only and never with \`NO_COLOR\`; \`--json\` prints
what scripts can read. \`clearway completion\` makes a shell complete the commands.`;

const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done, nothing wrong',
  problem: 'something is wrong: what, and what to do, was printed',
  usage: 'the command line was not understood',
  configuration: 'the configuration is faulty',
};

/** docs/reference/cli.md: the help of every command. */
export function cliPage(): string {
  const program = createProgram(contextOfNobody());
  const commands = program.commands.flatMap((command) => [
    helpOf(command, '##'),
    ...commandsBelow(command).map((sub) => helpOf(sub, '###')),
  ]);
  const statuses = Object.entries(EXIT).map(([name, status]) => [
    String(status),
    EXIT_MEANINGS[name as keyof typeof EXIT],
  ]);
  return page('Command line', INTRODUCTION, markdownTable(['Exit status', 'Meaning'], statuses), ...commands);
}

type AnyCommand = Pick<CommandUnknownOpts, 'name' | 'parent' | 'commands' | 'configureOutput' | 'outputHelp'>;

function helpOf(command: AnyCommand, heading: string): string {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  return `${heading} ${fullName(command)}\n\n\`\`\`text\n${help.trim()}\n\`\`\``;
}

/** All commands below a command, parents before what they hold. */
function commandsBelow(command: AnyCommand): AnyCommand[] {
  return command.commands.flatMap((sub) => [sub, ...commandsBelow(sub)]);
}

function fullName(command: Pick<AnyCommand, 'name' | 'parent'>): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

/** The same on every machine: no variables, no terminal. */
function contextOfNobody(): CliContext {
  return {
    directory: '.',
    variables: {},
    processVariables: {},
    environmentFile: undefined,
    clock: manualClock(),
    columns: COLUMNS,
    style: (_format, text) => text,
    out: () => {},
    error: () => {},
  };
}
