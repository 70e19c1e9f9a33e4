import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = path.resolve(import.meta.dirname, '../../..');

/** A process needs a while to start on a busy machine. */
const LINE_LIMIT_MS = 100_000;

/** A line of a process's log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A real process of the product. */
export interface RunningProcess {
  readonly pid: number;
  readonly lines: readonly LogLine[];
  /** Resolves to the first line, past or coming, that the predicate takes; rejects with the last lines when none comes. */
  waitForLine(predicate: (line: LogLine) => boolean): Promise<LogLine>;
  /** Sends a signal and resolves to the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resolves to the exit code when the process ends by itself. */
  readonly ended: Promise<number | null>;
  /** What was written to stderr. */
  errors(): string;
}

/**
 * Starts a process as `npm start` does: the built program on this Node, settings in the environment. Its data is in a
 * folder of its own that goes with it, unless `DATA_DIRECTORY` names one.
 *
 * @param entry path from the repository's root
 */
export function startProcess(entry: string, variables: Readonly<Record<string, string>>): RunningProcess {
  const { PATH, HOME, NODE_V8_COVERAGE, NODE_COMPILE_CACHE } = process.env;
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-process-'));
  // on a busy machine any event loop stands still for a while, and says so in the log
  const quiet = { LOG_FORMAT: 'json', EVENT_LOOP_BLOCKED_MS: '0' };
  const child = spawn(process.execPath, [path.join(ROOT, entry)], {
    cwd: ROOT,
    env: { PATH, HOME, NODE_V8_COVERAGE, NODE_COMPILE_CACHE, ...quiet, DATA_DIRECTORY: folder, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: LogLine[] = [];
  const waiters = new Set<() => void>();
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(readLine(text));
    waiters.forEach((check) => check());
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = once(child, 'close').then(([code]) => {
    rmSync(folder, { recursive: true, force: true });
    return code as number | null;
  });
  return {
    pid: child.pid ?? 0,
    lines,
    ended,
    errors: () => errors,
    waitForLine(predicate) {
      return new Promise((resolve, reject) => {
        const giveUp = (): void =>
          reject(new Error(`${entry} has no such line, only ${JSON.stringify(lines.slice(-5), null, 2)}`));
        const timer = setTimeout(giveUp, LINE_LIMIT_MS);
        const check = (): void => {
          const found = lines.find(predicate);
          if (!found) return;
          clearTimeout(timer);
          waiters.delete(check);
          resolve(found);
        };
        waiters.add(check);
        check();
        void ended.then((code) => {
          clearTimeout(timer);
          reject(new Error(`${entry} ended with ${code}: ${errors}`));
        });
      });
    },
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}

/** A JSON line, or the text of any other. */
function readLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { text };
  }
}
