import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { asBackupFailure, type BackupFailure } from '../failures.ts';

const MESSAGES_LIMIT = 16_384;

/** How a program is started. */
export interface ProgramOptions {
  readonly variables: Readonly<Record<string, string>>;
  /** What it reads: the output of another program, which it then reads from that program itself. */
  readonly input?: Socket | undefined;
  /** Where its output goes: to whoever reads it here, nowhere, or into an open file. */
  readonly output: 'pipe' | 'ignore' | number;
  readonly signal?: AbortSignal | undefined;
  readonly onMessages?: (text: string) => void;
  /** What it means that it failed; `how` is such as `exited with 1`. */
  readonly asFailure: (how: string, messages: string) => BackupFailure;
}

/** A program under way. */
export interface RunningProgram {
  /** What it writes, when that is to be read here. */
  readonly output: Socket;
  /** Resolves when it has ended well. */
  readonly ended: Promise<void>;
  /** The last that it said on its standard error. */
  readonly messages: () => string;
}

/** Starts a program, without a shell in between that could hide how it ended. */
export function startProgram(program: string, args: readonly string[], options: ProgramOptions): RunningProgram {
  const { variables, input, output, signal, onMessages, asFailure } = options;
  const child = spawn(program, args, {
    env: variables,
    stdio: [input ?? 'ignore', output, 'pipe'],
    signal,
    killSignal: 'SIGTERM',
  });
  // held here as well, it would hide from the other program that nobody reads any more
  input?.destroy();
  let messages = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    messages = (messages + text).slice(-MESSAGES_LIMIT);
    onMessages?.(text);
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(asBackupFailure(error, 'dump-failed')));
    child.once('close', (code, killedBy) => {
      if (code === 0) return resolve();
      reject(asFailure(killedBy ? `was ended by ${killedBy}` : `exited with ${code}`, messages.trim()));
    });
  });
  ended.catch(() => {}); // whoever reads the output may fail first
  return { output: child.stdout as Socket, ended, messages: () => messages };
}
