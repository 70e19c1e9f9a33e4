import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The packages that hold the processes and the command; what they stand on is built with them. */
const TARGETS = ['backend/api-gateway', 'backend/worker', 'backend/cli', 'examples/tracks-service'];
const SOURCES = [
  '{backend,examples}/*/src/**/*.ts',
  '{backend,examples}/*/{package,tsconfig}.json',
  'tsconfig.base.json',
];
const SCHEMAS = [
  '{backend,examples}/*/prisma/schema.prisma',
  '{backend,examples}/*/prisma.config.ts',
  'package-lock.json',
];
const OUTPUTS = ['{backend,examples}/*/dist/.tsbuildinfo'];
const CLIENTS = ['{backend,examples}/*/src/generated/**/client.ts'];

/** What a build did. */
export interface BuildOutcome {
  readonly generated: boolean;
  readonly compiled: boolean;
}

/**
 * Generates the Prisma clients and compiles the packages; neither when nothing has changed since the last time.
 *
 * @param root the folder of the clone
 * @throws an Error with the compiler's messages
 */
export async function build(root: string, signal: AbortSignal): Promise<BuildOutcome> {
  const generated = await once(root, 'generate', SCHEMAS, CLIENTS, () => generate(root, signal));
  const compiled = await once(root, 'compile', SOURCES, OUTPUTS, () => compile(root, signal));
  return { generated, compiled };
}

/** Compiles what has changed. Throws an Error with the compiler's messages. */
export async function compile(root: string, signal: AbortSignal): Promise<void> {
  await run(process.execPath, ['node_modules/typescript/bin/tsc', '-b', ...TARGETS], root, signal);
}

/** Generates the Prisma clients. */
export async function generate(root: string, signal: AbortSignal): Promise<void> {
  await run('npm', ['run', '--silent', 'generate'], root, signal);
}

/**
 * Runs `work` unless inputs and outputs are as they were after its last success: a build by hand, another branch or a
 * deleted folder all count as a change.
 *
 * @returns whether it ran
 */
export async function once(
  root: string,
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  work: () => Promise<void>,
): Promise<boolean> {
  const stamp = path.join(root, 'node_modules/.cache/clearway', name);
  const state = () => [process.version, hashOf(root, inputs), hashOf(root, outputs)].join(' ');
  const before = hashOf(root, outputs) === EMPTY_HASH ? '' : state();
  if (before !== '' && existsSync(stamp) && readFileSync(stamp, 'utf8') === before) return false;
  await work();
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, state());
  return true;
}

const EMPTY_HASH = createHash('sha256').digest('hex');

/** A hash over names and contents of all files that match. */
function hashOf(root: string, patterns: readonly string[]): string {
  const hash = createHash('sha256');
  const files = globSync([...patterns], { cwd: root, exclude: ['**/node_modules/**'] }).sort();
  for (const file of files)
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(path.join(root, file)));
  return hash.digest('hex');
}

/** Runs a program. Its output is shown only when it fails: as the message of the Error. */
function run(program: string, args: readonly string[], cwd: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const windows = process.platform === 'win32';
    const child = spawn(program, args, {
      cwd,
      signal,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: windows && program === 'npm',
    });
    let output = '';
    const keep = (chunk: Buffer) => (output += chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(output.trim() || `${program} ended with ${code}`));
    });
  });
}
