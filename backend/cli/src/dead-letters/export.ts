import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { workerOf } from '../operations/client.ts';
import { count } from '../terminal/style.ts';
import { queryOf, type Conditions } from './selection.ts';

const TELL_EVERY = 1000;

/** What an export takes. */
export interface ExportOptions extends Conditions {
  readonly url: string;
  readonly discarded: string;
  readonly output?: string | undefined;
}

/** `clearway dead-letters export`: a line for each letter, to a file or to the standard output. */
export async function exportLetters(context: CliContext, { url, output, ...search }: ExportOptions): Promise<ExitCode> {
  const lines = workerOf(context, url).lines(`/api/dead-letters/export?${queryOf(search)}`);
  if (output === undefined || output === '-') {
    for await (const line of lines) context.out(line);
    return EXIT.ok;
  }
  const letters = await writeFile(context, lines, path.resolve(context.directory, output));
  context.progress?.('');
  context.error(`${count(letters, 'dead letter')} in ${output}`);
  return EXIT.ok;
}

/** The file is there when it is complete: until then it has another name. Only its owner may read it. */
async function writeFile(context: CliContext, lines: AsyncIterable<string>, target: string): Promise<number> {
  const partial = `${target}.partial`;
  let letters = 0;
  const text = async function* (): AsyncGenerator<string> {
    for await (const line of lines) {
      yield `${line}\n`;
      if (++letters % TELL_EVERY === 0) context.progress?.(`${letters} dead letters`);
    }
  };
  try {
    await pipeline(text, createWriteStream(partial, { mode: 0o600 }));
    await rename(partial, target);
    return letters;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
