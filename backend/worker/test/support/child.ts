import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A process of a test, and what it said. */
export interface Child {
  readonly process: ChildProcess;
  readonly lines: string[];
  /** Resolves when a line matches, with that line; throws when the process ends before. */
  said(pattern: RegExp): Promise<string>;
  /** Code or signal with which it ended. */
  readonly ended: Promise<number | string>;
}

/** Starts a program; a script of Node when `program` is left out, from our sources unless it is built. */
export function startChild(
  args: readonly string[],
  options: { env?: Record<string, string>; program?: string; cwd?: string; ipc?: boolean } = {},
): Child {
  const { program = process.execPath, env = {}, cwd, ipc = false } = options;
  const { PATH, NODE_V8_COVERAGE, NODE_COMPILE_CACHE } = process.env;
  const isSource = program === process.execPath && args[0]?.endsWith('.ts') === true;
  const flags = isSource ? ['-C', '@clearway/source'] : [];
  const child = spawn(program, [...flags, ...args], {
    env: { PATH, NODE_V8_COVERAGE, NODE_COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
    ...(cwd !== undefined && { cwd }),
  });
  const lines: string[] = [];
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      listeners.forEach((listener) => listener());
    });
  }
  // not 'close', which a disconnected channel may keep from coming
  const exited = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code ?? -1));
  });
  const read = [child.stdout, child.stderr].map((stream) => stream && once(stream, 'close'));
  const ended = Promise.all([exited, ...read]).then(([how]) => how);
  const said = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = (): void => {
        const line = lines.find((text) => pattern.test(text));
        if (line === undefined) return;
        listeners.delete(look);
        resolve(line);
      };
      listeners.add(look);
      look();
      void ended.then((how) => reject(new Error(`ended with ${how} before ${pattern}:\n${lines.join('\n')}`)));
    });
  return { process: child, lines, said, ended };
}
