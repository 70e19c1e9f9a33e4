import type { RunLog } from '../definition/job-context.ts';
import { storableJson } from '../runs/storable.ts';

type Write = (message: string, fields?: Readonly<Record<string, unknown>>) => unknown;

/** Where the lines go beside the run: the process's own log, such as Winston's logger. */
export type LineTarget = Readonly<Record<Level, Write>>;
type Level = 'debug' | 'info' | 'warn' | 'error';

interface KeptLine {
  readonly at: string;
  readonly level: string;
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

const FIRST_LINES = 100;
const LAST_LINES = 100;
const LONGEST_LINE = 2000;

/** The first and the last lines of a run: what fails is told at the end, and why often at the start. */
export class RunLogLines {
  readonly #first: KeptLine[] = [];
  readonly #last: KeptLine[] = [];
  #left = 0;
  #isChanged = false;

  /** Adds a line, shortened if need be. */
  add(level: string, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#isChanged = true;
    const line = bounded({ at: new Date().toISOString(), level, message, ...(fields && { fields }) });
    if (this.#first.length < FIRST_LINES) return void this.#first.push(line);
    this.#last.push(line);
    if (this.#last.length <= LAST_LINES) return;
    this.#last.shift();
    this.#left++;
  }

  /** The lines as JSON text, or null when there are none. */
  toJson(): string | null {
    this.#isChanged = false;
    if (this.#first.length === 0) return null;
    const gap = this.#left > 0 ? [{ level: 'info', message: `… ${this.#left} lines left out …` }] : [];
    return storableJson([...this.#first, ...gap, ...this.#last]) ?? null;
  }

  /** As `toJson`, or null when nothing was added since the last call. */
  changedJson(): string | null {
    return this.#isChanged ? this.toJson() : null;
  }
}

function bounded(line: KeptLine): KeptLine {
  const message = line.message.slice(0, LONGEST_LINE);
  if (line.fields === undefined) return { ...line, message };
  const fields = jsonOf(line.fields);
  if (fields !== undefined && fields.length <= LONGEST_LINE) return { ...line, message };
  return { at: line.at, level: line.level, message, fields: { leftOut: 'too long or no JSON' } };
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** The log that a run writes to. */
export function runLog(lines: RunLogLines, target: LineTarget, facts: Readonly<Record<string, unknown>>): RunLog {
  const write =
    (level: Level) =>
    (message: string, fields?: Readonly<Record<string, unknown>>): void => {
      lines.add(level, message, fields);
      target[level](message, { ...facts, ...fields });
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
