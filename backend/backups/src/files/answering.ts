import { spawn } from 'node:child_process';
import { BackupFailure } from '../failures.ts';

/** A disk that sleeps needs ten seconds to wake up. */
const LIMIT_MS = 15_000;
/** How long an answer counts. */
const FRESH_MS = 30_000;
const ASK = 'try { require("node:fs").statfsSync(process.argv[1]); } catch {}';

const asked = new Map<string, Promise<void>>();

/**
 * Makes sure that a directory answers, be it that there is none: a mount whose server is gone never does. It is another
 * process that asks, since one that waits for such a mount can neither go on nor end.
 *
 * @throws BackupFailure `storage-failed`
 */
export async function assertAnswers(directory: string, limitMs = LIMIT_MS): Promise<void> {
  await (asked.get(directory) ?? askAndRemember(directory, limitMs));
}

function askAndRemember(directory: string, limitMs: number): Promise<void> {
  const answer = ask(directory, limitMs);
  asked.set(directory, answer);
  const forget = (): void => void asked.delete(directory);
  answer.then(() => setTimeout(forget, FRESH_MS).unref(), forget);
  return answer;
}

function ask(directory: string, limitMs: number): Promise<void> {
  const child = spawn(process.execPath, ['-e', ASK, directory], { stdio: 'ignore', env: {} });
  child.unref();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // one that waits for a disk that never answers outlives even this, and nobody waits for it
      child.kill('SIGKILL');
      const message = `${directory} did not answer within ${limitMs / 1000} s`;
      const remedy =
        'look whether its disk or the server of its mount is gone, or name another folder: --dir, or BACKUP_DIR';
      reject(new BackupFailure('storage-failed', message, { remedy }));
    }, limitMs);
    const settle = (): void => {
      clearTimeout(timer);
      resolve();
    };
    child.once('exit', settle);
    child.once('error', settle);
  });
}

/** Which methods use which directory. */
interface Use {
  readonly directory: string;
  /** How long it may take to answer. */
  readonly limitMs?: number | undefined;
  /** Names of the methods, when not all use it. */
  readonly by?: readonly string[];
}

/** The same object, whose methods ask first whether the directory that they use answers. They all return promises. */
export function answering<T extends object>(methods: T, { directory, limitMs, by }: Use): T {
  const first = ([name, value]: [string, unknown]): [string, unknown] => {
    if (typeof value !== 'function' || by?.includes(name) === false) return [name, value];
    const asking = async (...args: unknown[]): Promise<unknown> => {
      await assertAnswers(directory, limitMs);
      return Reflect.apply(value, methods, args);
    };
    return [name, asking];
  };
  return Object.fromEntries(Object.entries(methods).map(first)) as T;
}
