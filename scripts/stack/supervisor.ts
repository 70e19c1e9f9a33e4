import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process that the supervisor runs. */
export interface ChildSpec {
  /** Shown in front of its lines. */
  readonly name: string;
  /** The script and its arguments, for the running Node. Secrets go into `env`: arguments can be seen by all users. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** How a process ended. */
export interface Ending {
  readonly name: string;
  /** Its exit code; 128 and the number of the signal when one ended it; 127 when it could not be started. */
  readonly code: number;
  /** How people read it: `exit 3` or `SIGKILL`. */
  readonly reason: string;
  readonly lastLines: readonly string[];
}

export interface SupervisorOptions {
  /** Gets every line that a child writes. */
  readonly onLine: (name: string, line: string, stream: 'stdout' | 'stderr') => void;
  /** Called when a child ended by itself: not during a stop or a restart. */
  readonly onEnd: (ending: Ending) => void;
  /** How long a child may drain before it is killed. */
  readonly graceMs: number;
}

interface Running {
  readonly spec: ChildSpec;
  readonly process: ChildProcess;
  readonly ended: Promise<Ending>;
  expected: boolean;
}

const KEPT_LINES = 25;
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

/**
 * Runs processes and ends them in the reverse of the order in which they were started. They are detached from the
 * terminal's process group, so that Ctrl-C reaches each of them once, from here, when its turn has come. Each has an
 * IPC channel: when this process is killed, the channel closes and they leave by themselves.
 *
 * States of a child: running → (stopping →) ended. A child that ends unasked is told to `onEnd`.
 */
export class Supervisor {
  readonly #children = new Map<string, Running>();
  /** Names in the order of their first start: a restart does not change when a child is stopped. */
  readonly #order: string[] = [];
  readonly #options: SupervisorOptions;
  #stopping: Promise<boolean> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Starts a process. Returns its process id, or undefined when it could not be started (`onEnd` says why). */
  start(spec: ChildSpec): number | undefined {
    const child = spawn(process.execPath, spec.args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
      env: spec.env,
      ...(spec.cwd !== undefined && { cwd: spec.cwd }),
    });
    const lastLines: string[] = [];
    const linesRead = (['stdout', 'stderr'] as const).map((stream) =>
      this.#readLines(spec.name, child, stream, lastLines),
    );
    const ended = Promise.all([exitOf(child), ...linesRead]).then(([exit]): Ending => ({
      name: spec.name,
      ...exit,
      lastLines,
    }));
    const running: Running = { spec, process: child, ended, expected: false };
    this.#children.set(spec.name, running);
    if (!this.#order.includes(spec.name)) this.#order.push(spec.name);
    void ended.then((ending) => {
      if (this.#children.get(spec.name) === running) this.#children.delete(spec.name);
      if (!running.expected) this.#options.onEnd(ending);
    });
    return child.pid;
  }

  /** Whether a child of that name runs. */
  has(name: string): boolean {
    return this.#children.has(name);
  }

  /** Resolves when the named child has ended; undefined when none runs. */
  endOf(name: string): Promise<Ending> | undefined {
    return this.#children.get(name)?.ended;
  }

  /** Stops the named child, if it runs, and starts it anew. */
  async restart(spec: ChildSpec): Promise<void> {
    const running = this.#children.get(spec.name);
    if (running) await this.#stop(running);
    if (!this.#stopping) this.start(spec);
  }

  /**
   * Drains and stops all, one after the other, last started first. A second call waits for the first.
   *
   * @param onStopped told of each
   * @returns whether all of them left by themselves
   */
  stop(onStopped: (name: string, reason: string) => void = () => undefined): Promise<boolean> {
    this.#stopping ??= this.#stopAll(onStopped);
    return this.#stopping;
  }

  /** Kills all that still run, without a drain. */
  kill(): void {
    for (const running of this.#children.values()) {
      running.expected = true;
      signal(running.process, 'SIGKILL');
    }
  }

  async #stopAll(onStopped: (name: string, reason: string) => void): Promise<boolean> {
    let orderly = true;
    for (const name of this.#order.toReversed()) {
      const running = this.#children.get(name);
      if (!running) continue;
      const { ending, killed } = await this.#stop(running);
      if (killed) orderly = false;
      onStopped(
        ending.name,
        killed ? `did not stop within ${this.#options.graceMs / 1000} s and was killed` : 'stopped',
      );
    }
    return orderly;
  }

  async #stop(running: Running): Promise<{ ending: Ending; killed: boolean }> {
    running.expected = true;
    let killed = false;
    signal(running.process, 'SIGTERM');
    const limit = setTimeout(() => {
      killed = true;
      signal(running.process, 'SIGKILL');
    }, this.#options.graceMs);
    const ending = await running.ended;
    clearTimeout(limit);
    return { ending, killed };
  }

  #readLines(name: string, child: ChildProcess, stream: 'stdout' | 'stderr', kept: string[]): Promise<void> {
    const input = child[stream];
    if (!input) return Promise.resolve();
    const lines = createInterface({ input, crlfDelay: Infinity });
    lines.on('line', (line) => {
      kept.push(line);
      if (kept.length > KEPT_LINES) kept.shift();
      this.#options.onLine(name, line, stream);
    });
    // a grandchild may keep the pipe open: what was written until shortly after the exit is enough
    child.once('exit', () => setTimeout(() => lines.close(), 200).unref());
    child.once('error', () => child.pid === undefined && lines.close());
    return new Promise((resolve) => lines.once('close', resolve));
  }
}

function exitOf(child: ChildProcess): Promise<{ code: number; reason: string }> {
  return new Promise((resolve) => {
    child.once('exit', (code, name) => {
      if (name) resolve({ code: 128 + (SIGNAL_NUMBERS[name] ?? 0), reason: name });
      else resolve({ code: code ?? 1, reason: `exit ${code}` });
    });
    child.once('error', (error) => {
      if (child.pid === undefined) resolve({ code: 127, reason: error.message });
    });
  });
}

/** Sends a signal to the child's process group, unless it has ended. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(process.platform === 'win32' ? child.pid : -child.pid, name);
  } catch {
    // it ended in between
  }
}
