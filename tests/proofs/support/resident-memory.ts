import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const EVERY_MS = 50;

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  if (process.platform !== 'linux') {
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
  }
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

/** Follows the resident memory of a process. */
export function watchMemory(pid: number): { readonly samples: readonly number[]; stop(): void } {
  const samples = [residentBytes(pid)];
  const timer = setInterval(() => samples.push(residentBytes(pid)), EVERY_MS);
  return { samples, stop: () => clearInterval(timer) };
}

/** How much more memory was held in the last third of the time than in the first, by their medians. */
export function growth(samples: readonly number[]): number {
  const third = Math.ceil(samples.length / 3);
  const median = (part: readonly number[]): number =>
    part.toSorted((a, b) => a - b)[Math.floor(part.length / 2)] ?? NaN;
  return median(samples.slice(-third)) - median(samples.slice(0, third));
}
