import { stripVTControlCharacters, styleText } from 'node:util';

/** What `npm start` writes: its own steps, and the lines of the processes with their name in front. */
export interface Output {
  readonly interactive: boolean;
  print(text: string): void;
  error(text: string): void;
  /** Shows a step while it runs and how long it took. What `work` returns as text is shown beside it. */
  step<T>(name: string, work: () => Promise<T>, note?: (result: T) => string | undefined): Promise<T>;
  /** A line of a process; those that only inform are left out while the processes start. */
  childLine(name: string, line: string, stream: 'stdout' | 'stderr'): void;
  /** From now on show every line of the processes. */
  showAllLines(): void;
}

const NAME_WIDTH = 8;
const COLOURS = ['cyan', 'magenta', 'blue', 'green', 'yellow'] as const;

/**
 * Writes to a stream; with colours and a moving line when it is a terminal, in plain lines when not.
 *
 * @param options `verbose` shows every line of the processes from the beginning
 */
export function createOutput(stream: NodeJS.WriteStream, options: { verbose: boolean }): Output {
  const interactive = stream.isTTY === true;
  const style = (format: Parameters<typeof styleText>[0], text: string) =>
    interactive ? styleText(format, text) : text;
  const colourOf = new Map<string, (typeof COLOURS)[number]>();
  let showAll = options.verbose;
  let pending: string | undefined;
  const write = (line: string) => {
    if (pending === undefined) stream.write(`${line}\n`);
    else stream.write(`\r\u001b[K${line}\n${pending}`);
  };
  const begin = (name: string) => {
    if (!interactive) return stream.write(`${name} …\n`);
    pending = `  … ${name}`;
    return stream.write(pending);
  };
  const end = (line: string) => {
    if (pending !== undefined) stream.write('\r\u001b[K');
    pending = undefined;
    stream.write(`${line}\n`);
  };
  return {
    interactive,
    print: write,
    error: (text) => write(style('red', text)),
    step: async (name, work, note) => {
      const startMs = performance.now();
      const duration = () => `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
      begin(name);
      try {
        const result = await work();
        const more = note?.(result);
        end(`  ${style('green', '✓')} ${name}${more ? `: ${more}` : ''} ${style('dim', duration())}`);
        return result;
      } catch (error) {
        end(`  ${style('red', '✗')} ${name} ${style('dim', duration())}`);
        throw error;
      }
    },
    childLine: (name, line, source) => {
      if (!showAll && source === 'stdout' && isOnlyInformation(line)) return;
      const colour = colourOf.get(name) ?? COLOURS[colourOf.size % COLOURS.length] ?? 'cyan';
      colourOf.set(name, colour);
      write(`${style(colour, name.padEnd(NAME_WIDTH))} ${style('dim', '│')} ${line}`);
    },
    showAllLines: () => {
      showAll = true;
    },
  };
}

/** Whether a log line, in JSON or made for people, is below a warning. Other text is not a log line: it is shown. */
export function isOnlyInformation(line: string): boolean {
  const plain = stripVTControlCharacters(line);
  const level =
    /"level":"(\w+)"/.exec(plain)?.[1] ??
    /^[\d:.TZ\s-]*\b(error|warn|info|http|verbose|debug|silly)\b/i.exec(plain)?.[1];
  return level !== undefined && !/^(error|warn)$/i.test(level);
}
