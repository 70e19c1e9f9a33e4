import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Which process wrote a file: enough to tell whether it is still there. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Tells apart the times that the machine ran; undefined where the system does not say. */
  readonly bootId: string | undefined;
  /** When the process started, in ticks since the machine did; process ids are used again. */
  readonly startTicks: number | undefined;
}

/** The identity of this process. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, host: hostname(), bootId: bootId(), startTicks: startTicks(process.pid) };
}

/**
 * What is known of a process: `unknown` when it ran on another machine, or in another container, whose processes cannot
 * be seen from here.
 */
export function fateOf(identity: ProcessIdentity, own: ProcessIdentity): 'alive' | 'gone' | 'unknown' {
  if (identity.host !== own.host) return 'unknown';
  if (identity.bootId !== own.bootId) return 'gone';
  if (identity.startTicks === undefined) return isThere(identity.pid) && identity.pid !== own.pid ? 'alive' : 'gone';
  return startTicks(identity.pid) === identity.startTicks ? 'alive' : 'gone';
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function bootId(): string | undefined {
  return readSystemFile('/proc/sys/kernel/random/boot_id')?.trim();
}

/** Source: proc_pid_stat(5), field 22; the second field is the program's name in brackets and may itself contain blanks. */
function startTicks(pid: number): number | undefined {
  const stat = readSystemFile(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // what has ended and was not waited for yet is no more
  return state === 'Z' || state === 'X' ? undefined : Number(fields[18]);
}

function readSystemFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}
