import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Names a process so that a later one with the same id is not taken for it: the id, and on Linux its start time.
 *
 * @returns undefined when no such process runs; a zombie does not run
 */
export function identifyProcess(pid: number): string | undefined {
  if (!exists(pid)) return undefined;
  if (process.platform !== 'linux') return String(pid);
  try {
    // the name in parentheses may hold spaces; state is the first field after it, the start time the twentieth
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return state === 'Z' || state === 'X' ? undefined : `${pid} ${fields[18]}`;
  } catch {
    return undefined;
  }
}

/** Whether the process that `identifyProcess` named is still running. */
export function stillRuns(identity: string): boolean {
  return identifyProcess(Number.parseInt(identity, 10)) === identity;
}

/** The command line of a process, or undefined when it cannot be read. */
export function commandLine(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    if (process.platform === 'win32') return undefined;
    return execFileSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
  } catch {
    return undefined;
  }
}

function exists(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
