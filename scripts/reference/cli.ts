import { createProgram, EXIT, type CliContext } from '@clearway/cli';
import { manualClock } from '@clearway/kernel';
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
  const commands = program.commands.map((command) => {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    return `## clearway ${command.name()}\n\n\`\`\`text\n${help.trim()}\n\`\`\``;
  });
  const statuses = Object.entries(EXIT).map(([name, status]) => [
    String(status),
    EXIT_MEANINGS[name as keyof typeof EXIT],
  ]);
  return page('Command line', INTRODUCTION, markdownTable(['Exit status', 'Meaning'], statuses), ...commands);
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
