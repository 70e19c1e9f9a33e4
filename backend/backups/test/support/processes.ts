import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ChildTask } from './child.ts';

/** A process that does one thing with backups. */
export interface BackupProcess {
  readonly process: ChildProcess;
  /** Resolves when it is at a phase, or at its end. */
  at(phase: string): Promise<void>;
  /** What it printed, when it has ended. */
  readonly result: Promise<Record<string, unknown> | undefined>;
}

const CHILD = path.join(import.meta.dirname, 'child.ts');

/** Starts one, with whatever limits a shell can set before. */
export function startBackupProcess(task: ChildTask, limits = ''): BackupProcess {
  const { PATH, HOME, NODE_V8_COVERAGE, NODE_COMPILE_CACHE } = process.env;
  // the built engine, as everywhere where processes are started: what reads the sources takes 40 MiB more
  const args = ['--disable-warning=ExperimentalWarning', CHILD, JSON.stringify(task)];
  const child = spawn('/bin/sh', ['-c', `${limits} exec "$0" "$@"`, process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, HOME, NODE_V8_COVERAGE, NODE_COMPILE_CACHE },
  });
  let out = '';
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close');
  return {
    process: child,
    async at(phase) {
      while (!said.split('\n').includes(phase) && child.exitCode === null && child.signalCode === null)
        await Promise.race([once(child.stderr, 'data'), ended]);
    },
    result: ended.then(() => {
      try {
        return JSON.parse(out) as Record<string, unknown>;
      } catch {
        return undefined; // killed
      }
    }),
  };
}

/** A program that is taken for a pg_dump, and does what a script says. */
export const fakePgDump = (folder: string, name: string, script: string): string =>
  fakeProgram(path.join(folder, name), 'pg_dump (PostgreSQL) 18.99', script);

/** The same for a zstd. */
export const fakeZstd = (folder: string, name: string, script: string): string =>
  fakeProgram(path.join(folder, name), '*** Zstandard CLI (64-bit) v9.9 ***', script);

function fakeProgram(file: string, version: string, script: string): string {
  writeFileSync(file, `#!/bin/sh\n[ "$1" = --version ] && { echo '${version}'; exit 0; }\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}
