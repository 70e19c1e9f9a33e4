import type { CliContext } from '../../context.ts';
import { installationName, type Installation, type PlannedRun } from './plan.ts';
import { runProgram } from './program.ts';
import type { Scheduler } from './scheduler.ts';

/** A crontab around the block of an installation; nothing of it is ours but the block. */
interface Parts {
  readonly before: string;
  /** Empty when there is none. */
  readonly block: string;
  readonly after: string;
}

/** The schedule as a block of this account's crontab, between two comments by which it is found again. */
export function cronScheduler(context: CliContext, installation: Installation): Scheduler {
  const name = installationName(installation);
  const end = `# END ${name}`;
  const read = async (): Promise<Parts> => {
    const { code, out, error } = await runProgram(context, 'crontab', ['-l'], { encoding: BYTES });
    if (code === 0) return split(out, `# BEGIN ${name}:`, end);
    if (/no crontab/i.test(error) || error === '') return { before: '', block: '', after: '' };
    throw new Error(`the crontab cannot be read: ${error.trim()}`);
  };
  const write = async ({ before, block, after }: Parts): Promise<void> => {
    const isOpen = block !== '' && before !== '' && !before.endsWith('\n');
    const input = `${before}${isOpen ? '\n' : ''}${block}${after}`;
    const { code, error } = await runProgram(context, 'crontab', ['-'], { input, encoding: BYTES });
    if (code !== 0) throw new Error(`the crontab was refused: ${error.trim()}`);
  };
  const blockOf = (runs: readonly PlannedRun[]): string =>
    [
      `# BEGIN ${name}: written by clearway backup schedule install`,
      '# In the time zone of this machine; what is printed is mailed to the account.',
      ...runs.flatMap((run) => [`# ${run.description}`, lineOf(run, installation)]),
      end,
      '',
    ].join('\n');
  return {
    kind: 'cron',
    show: (runs) => [{ place: 'the crontab of this account', text: blockOf(runs).trimEnd() }],
    async install(runs) {
      const parts = await read();
      const block = asBytes(blockOf(runs));
      if (parts.block === block) return false;
      await write({ ...parts, block });
      return true;
    },
    async remove() {
      const parts = await read();
      if (parts.block === '') return false;
      await write({ ...parts, block: '' });
      return true;
    },
    async status(runs) {
      const { block } = await read();
      if (block === '') return 'absent';
      return block === asBytes(blockOf(runs)) ? 'installed' : 'outdated';
    },
  };
}

/** A character for each byte: lines of others may be in any encoding, and stay as they are. */
const BYTES = 'latin1';
const asBytes = (text: string): string => Buffer.from(text).toString(BYTES);

function split(crontab: string, begin: string, end: string): Parts {
  const lines = crontab.split(/(?<=\n)/);
  const from = lines.findIndex((line) => line.startsWith(begin));
  const to = lines.findIndex((line, i) => i > from && line.trimEnd() === end);
  if (from < 0 || to < 0) return { before: crontab, block: '', after: '' };
  const text = (...range: [number, number?]): string => lines.slice(...range).join('');
  return { before: text(0, from), block: text(from, to + 1), after: text(to + 1) };
}

function lineOf({ cron, command }: PlannedRun, { directory }: Installation): string {
  // cron takes a bare % for the end of the line
  return `${cron} cd ${quote(directory)} && ${command.map(quote).join(' ')}`.replaceAll('%', '\\%');
}

const quote = (text: string): string => (/^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
