import { systemClock } from '@clearway/kernel';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseEnv } from 'node:util';
import type { CliContext } from '../context.ts';
import { NotAnswered } from '../exit-codes.ts';
import { colourStyle, plainStyle, wantsColour } from '../terminal/style.ts';

const PAGE_COLUMNS = 100;

/** The context of the real process: its streams, variables, folder and clock. */
export function processContext(): CliContext {
  const directory = process.cwd();
  const environmentFile = readEnvironmentFile(directory);
  const present = Object.entries(process.env).filter(([, text]) => text !== undefined && text !== '');
  return {
    directory,
    variables: { ...(environmentFile && parseEnv(environmentFile.text)), ...Object.fromEntries(present) },
    processVariables: process.env,
    environmentFile,
    clock: systemClock,
    columns: process.stdout.columns ?? PAGE_COLUMNS,
    style: wantsColour(process.stdout, process.env) ? colourStyle : plainStyle,
    out: (line) => void process.stdout.write(`${line}\n`),
    error: (line) => void process.stderr.write(`${line}\n`),
    progress: process.stderr.isTTY ? showProgress : undefined,
    ask: process.stdin.isTTY && process.stderr.isTTY ? ask : undefined,
    onInterrupt,
  };
}

/** Begins the line anew, writes it, and removes what is left of the one before. */
function showProgress(line: string): void {
  process.stderr.write(`\r${line.slice(0, (process.stderr.columns ?? PAGE_COLUMNS) - 1)}\u001b[K`);
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } catch (error) {
    process.stderr.write('\n');
    throw (error as NodeJS.ErrnoException).code === 'ABORT_ERR' ? new NotAnswered() : error;
  } finally {
    lines.close();
  }
}

/** A second signal ends the process as if nobody listened. */
function onInterrupt(listener: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}

function readEnvironmentFile(directory: string): CliContext['environmentFile'] {
  try {
    return { name: '.env', text: readFileSync(path.join(directory, '.env'), 'utf8') };
  } catch {
    return undefined; // most have none; doctor says what a process lacks
  }
}
