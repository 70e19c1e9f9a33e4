import type { CliContext } from '../../context.ts';
import { installationName, type Installation, type PlannedRun } from './plan.ts';
import { runProgram } from './program.ts';
import type { Scheduler } from './scheduler.ts';

/** The schedule as a block of this account's crontab, between two comments by which it is found again. */
export function cronScheduler(context: CliContext, installation: Installation): Scheduler {
  const name = installationName(installation);
  const begin = `# BEGIN ${name}: written by clearway backup schedule install`;
  const end = `# END ${name}`;
  const read = async (): Promise<string[]> => {
    const { code, out, error } = await runProgram(context, 'crontab', ['-l']);
    if (code === 0) return out.split('\n');
    if (/no crontab/i.test(error) || error === '') return [];
    throw new Error(`the crontab cannot be read: ${error.trim()}`);
  };
  const write = async (lines: readonly string[]): Promise<void> => {
    const text = lines.join('\n').replace(/\n*$/, '\n');
    const { code, error } = await runProgram(context, 'crontab', ['-'], text);
    if (code !== 0) throw new Error(`the crontab was refused: ${error.trim()}`);
  };
  const split = (lines: readonly string[]): { others: string[]; block: string[] } => {
    const from = lines.findIndex((line) => line.startsWith(`# BEGIN ${name}:`));
    const to = lines.indexOf(end, from);
    if (from < 0 || to < 0) return { others: [...lines], block: [] };
    return { others: [...lines.slice(0, from), ...lines.slice(to + 1)], block: lines.slice(from, to + 1) };
  };
  const blockOf = (runs: readonly PlannedRun[]): string[] => [
    begin,
    '# In the time zone of this machine; what is printed is mailed to the account.',
    ...runs.flatMap((run) => [`# ${run.description}`, lineOf(run, installation)]),
    end,
  ];
  return {
    kind: 'cron',
    show: (runs) => [{ place: 'the crontab of this account', text: blockOf(runs).join('\n') }],
    async install(runs) {
      const { others, block } = split(await read());
      const wanted = blockOf(runs);
      if (block.join('\n') === wanted.join('\n')) return false;
      await write([...withoutEnd(others), ...wanted]);
      return true;
    },
    async remove() {
      const { others, block } = split(await read());
      if (block.length === 0) return false;
      await write(withoutEnd(others));
      return true;
    },
    async status(runs) {
      const { block } = split(await read());
      if (block.length === 0) return 'absent';
      return block.join('\n') === blockOf(runs).join('\n') ? 'installed' : 'outdated';
    },
  };
}

/** Lines without empty ones at the end. */
function withoutEnd(lines: readonly string[]): string[] {
  const last = lines.findLastIndex((line) => line.trim() !== '');
  return lines.slice(0, last + 1);
}

function lineOf({ cron, command }: PlannedRun, { directory }: Installation): string {
  // cron takes a bare % for the end of the line
  return `${cron} cd ${quote(directory)} && ${command.map(quote).join(' ')}`.replaceAll('%', '\\%');
}

const quote = (text: string): string => (/^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
