import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { PATHS, requestBytes } from './answers.ts';
import type { Helpers } from './processes.ts';
import type { Options } from './options.ts';
import { readWrk, wrkScript } from './wrk.ts';

/** One slice of load. */
export interface LoadOrder {
  readonly port: number;
  readonly seconds: number;
  readonly connections: number;
  /** Length of each answer's body. */
  readonly bodyBytes: number;
}

/** What a slice of load came to. Latencies are those of a closed loop at saturation. */
export interface Load {
  readonly requests: number;
  /** Answers other than 2xx, of another length, and broken connections. */
  readonly errors: number;
  readonly firstError: string | undefined;
  /** Requests that were under way when the generator stopped, at most: they were sent, but are not among `requests`. */
  readonly cutOff: number;
  readonly elapsedSeconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What wrk may take beyond its slice before it is given up. */
const WRK_GRACE_MS = 10_000;

/** Makes load. */
export interface Generator {
  /** Name and version, for the results. */
  readonly name: string;
  run(order: LoadOrder): Promise<Load>;
}

/** Starts the generator that the options ask for; `folder` takes what it needs on disk. */
export function openGenerator(options: Options, helpers: Helpers, folder: string): Generator {
  const wrk = options.generator === 'node' ? undefined : wrkVersion();
  if (options.generator === 'wrk' && wrk === undefined) throw new Error('--generator: wrk is not installed');
  return wrk === undefined ? nodeGenerator(helpers) : wrkGenerator(wrk, folder);
}

function nodeGenerator(helpers: Helpers): Generator {
  const child = helpers.fork('load.ts', []);
  const died = once(child, 'exit').then(() => Promise.reject(new Error('the load generator ended')));
  died.catch(() => undefined);
  return {
    name: `node ${process.version}, bare sockets`,
    async run(order) {
      child.send(order);
      const [load] = (await Promise.race([once(child, 'message'), died])) as [Load];
      return load;
    },
  };
}

function wrkGenerator(name: string, folder: string): Generator {
  return {
    name,
    async run({ port, seconds, connections }) {
      const script = path.join(folder, 'wrk.lua');
      writeFileSync(script, wrkScript(PATHS, requestBytes('/', `127.0.0.1:${port}`).toString('latin1')));
      const args = ['-t1', `-c${connections}`, `-d${Math.max(1, Math.round(seconds))}s`, '--latency', '-s', script];
      const { stdout } = await promisify(execFile)('wrk', [...args, `http://127.0.0.1:${port}/`], {
        timeout: seconds * 1000 + WRK_GRACE_MS,
      });
      return { ...readWrk(stdout), cutOff: connections };
    },
  };
}

function wrkVersion(): string | undefined {
  try {
    // prints its version and usage, and exits with 1
    execFileSync('wrk', ['--version'], { stdio: 'pipe' });
    return 'wrk';
  } catch (error) {
    const { code, stdout } = error as { code?: string; stdout?: Buffer };
    return code === 'ENOENT' ? undefined : (/^wrk \S+/.exec(String(stdout))?.[0] ?? 'wrk');
  }
}
