import { readFileSync } from 'node:fs';

/** Jiffies a second in what Linux shows to programs (USER_HZ): 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU time that a process has used, in seconds, and the memory that it holds. */
export interface Usage {
  /** User and system time of all threads, those that ended included. */
  readonly allSeconds: number;
  /** User and system time of the thread that runs JavaScript. */
  readonly mainSeconds: number;
  readonly rssBytes: number;
}

/**
 * User plus system time of a line as `/proc/PID/stat` and `/proc/PID/task/TID/stat` show it, in seconds.
 *
 * Source: proc_pid_stat(5), fields 14 (utime) and 15 (stime); the second field is the program's name in brackets and may
 * itself contain blanks and brackets.
 *
 * @throws Error when the line is not of that form
 */
export function cpuSeconds(statLine: string): number {
  const fields = statLine.slice(statLine.lastIndexOf(')') + 2).split(' ');
  const seconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  if (!Number.isFinite(seconds)) throw new Error(`no line of /proc/PID/stat: ${statLine}`);
  return seconds;
}

/** Resident memory of `/proc/PID/status`, in bytes. Source: proc_pid_status(5), `VmRSS`. */
export function residentBytes(status: string): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes === undefined) throw new Error('no VmRSS in /proc/PID/status');
  return Number(kibibytes) * 1024;
}

/** The CPUs that a process may run on. Source: proc_pid_status(5), `Cpus_allowed_list`, such as `0-3,8`. */
export function allowedCpus(status: string): number[] {
  const list = /^Cpus_allowed_list:\s+([\d,-]+)$/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((part) => {
    const [first = NaN, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** Reads what a process has used so far. */
export function readUsage(pid: number): Usage {
  const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'latin1');
  return {
    allSeconds: cpuSeconds(read('stat')),
    mainSeconds: cpuSeconds(read(`task/${pid}/stat`)),
    rssBytes: residentBytes(read('status')),
  };
}

/** Time that each CPU spent, in ticks since the start of the machine. */
export type CpuTimes = ReadonlyMap<number, { readonly total: number; readonly idle: number }>;

/** Reads the lines `cpuN` of `/proc/stat`. Source: proc_stat(5); time that the hypervisor took counts as busy. */
export function cpuTimes(stat: string): CpuTimes {
  const times = new Map<number, { total: number; idle: number }>();
  for (const [, cpu, ticks = ''] of stat.matchAll(/^cpu(\d+) (.+)$/gm)) {
    // user nice system idle iowait irq softirq steal; guest time is part of user
    const fields = ticks.split(' ').slice(0, 8).map(Number);
    const total = fields.reduce((sum, field) => sum + field, 0);
    times.set(Number(cpu), { total, idle: (fields[3] ?? 0) + (fields[4] ?? 0) });
  }
  return times;
}

/** Share of the time between two readings in which the CPUs were busy, for whomever. */
export function busyShare(before: CpuTimes, after: CpuTimes, cpus: readonly number[]): number {
  const spent = (of: 'total' | 'idle'): number =>
    cpus.reduce((sum, cpu) => sum + (after.get(cpu)?.[of] ?? 0) - (before.get(cpu)?.[of] ?? 0), 0);
  return spent('total') === 0 ? 0 : 1 - spent('idle') / spent('total');
}

/** Reads what all CPUs have spent so far. */
export function readCpuTimes(): CpuTimes {
  return cpuTimes(readFileSync('/proc/stat', 'latin1'));
}
