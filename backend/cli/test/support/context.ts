import { systemClock } from '@clearway/kernel';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { plainStyle } from '../../src/terminal/style.ts';
import { run, type CliContext, type ExitCode } from '../../src/index.ts';

/** What a command line printed and how it ended. */
export interface Outcome {
  readonly code: ExitCode;
  readonly out: string;
  readonly error: string;
}

/** Runs a command line in this process, with a context of its own. */
export async function clearway(args: readonly string[], overrides: Partial<CliContext> = {}): Promise<Outcome> {
  const out: string[] = [];
  const error: string[] = [];
  const context: CliContext = {
    directory: process.cwd(),
    variables: {},
    processVariables: {},
    environmentFile: undefined,
    clock: systemClock,
    columns: 120,
    style: plainStyle,
    out: (line) => out.push(line),
    error: (line) => error.push(line),
    ...overrides,
  };
  const code = await run(args, context);
  return { code, out: out.join('\n'), error: error.join('\n') };
}

/** A folder with the given files, removed at the end of the test file. */
export function folderWith(files: Readonly<Record<string, string>>): { directory: string; remove: () => void } {
  const directory = mkdtempSync(path.join(tmpdir(), 'clearway-cli-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(directory, name), text);
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
