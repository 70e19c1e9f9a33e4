import path from 'node:path';
import { EXIT_CONFIGURATION, StartFailure } from './context.ts';
import { HELP, readOptions, type StackOptions } from './options.ts';
import { createOutput, type Output } from './output.ts';
import { run } from './run.ts';
import { readSettings } from './settings.ts';

const EXIT_USAGE = 64;
const root = path.dirname(path.dirname(import.meta.dirname));

async function main(args: readonly string[]): Promise<number> {
  let options: StackOptions;
  try {
    options = readOptions(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\nSee: npm start -- --help\n`);
    return EXIT_USAGE;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const output = createOutput(process.stdout, options);
  try {
    return await run(readSettings(root, process.env), options, output);
  } catch (error) {
    return explain(error, output);
  }
}

function explain(error: unknown, output: Output): number {
  const { message, name, code } = error as NodeJS.ErrnoException;
  output.error(message);
  if (code === 'EACCES' || code === 'EROFS') {
    output.error('This user may not write here: run it as the owner of the folder, or set DATA_DIRECTORY.');
  }
  if (error instanceof StartFailure) return error.exitCode;
  return name === 'ConfigurationError' ? EXIT_CONFIGURATION : 1;
}

process.chdir(root);
process.exit(await main(process.argv.slice(2)));
