// From any Node that is at least 18 to the pinned one. Readable by Node 18.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { installMissing } from './install.mjs';
import { findNode } from './node.mjs';

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const EXIT_UNAVAILABLE = 69;

/**
 * Installs what is missing and runs a TypeScript file of scripts/ on the right Node: in this process if it is that
 * Node, else in a child that gets our signals and whose exit code becomes ours.
 *
 * @param {string} file such as `stack/main.ts`
 */
export async function run(file) {
  try {
    await installMissing(root, (line) => console.log(line));
  } catch (error) {
    console.error(`\n${error.message}`);
    process.exit(EXIT_UNAVAILABLE);
  }
  const node = findNode(root, process);
  if ('problem' in node) {
    console.error(node.problem);
    process.exit(EXIT_UNAVAILABLE);
  }
  const main = path.join(root, 'scripts', file);
  if (node.path === process.execPath) await import(pathToFileURL(main).href);
  else hand(node.path, main);
}

/**
 * The child notices by the IPC channel when this process is killed. A terminal sends Ctrl-C to both; the child takes
 * two signals in quick succession for one.
 *
 * @param {string} node @param {string} main
 */
function hand(node, main) {
  const binaries = path.dirname(node);
  const env = { ...process.env, PATH: `${binaries}${path.delimiter}${process.env.PATH || ''}` };
  const args = ['--disable-warning=ExperimentalWarning', main, ...process.argv.slice(2)];
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`${node} could not be started: ${error.message}`);
    process.exit(EXIT_UNAVAILABLE);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 1 : code));
}
