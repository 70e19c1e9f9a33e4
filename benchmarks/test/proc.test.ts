import { describe, expect, test } from '@jest/globals';
import { allowedCpus, busyShare, cpuSeconds, cpuTimes, residentBytes } from '../overhead/proc.ts';

const STAT =
  '4711 (node (a) b) S 1 4711 4711 0 -1 4194304 5000 0 0 0 250 125 7 9 20 0 11 0 100 1000000 30000 18446744073709551615';

describe('readings of /proc', () => {
  test('takes user and system time, whatever the name of the program contains', () => {
    expect(cpuSeconds(STAT)).toBe(3.75);
  });

  test('leaves out the time of children that were waited for', () => {
    expect(cpuSeconds(STAT.replace(' 7 9 ', ' 700 900 '))).toBe(3.75);
  });

  test('refuses what is no line of stat instead of calling it zero', () => {
    expect(() => cpuSeconds('')).toThrow('/proc/PID/stat');
  });

  test('reads resident memory in bytes', () => {
    expect(residentBytes('VmPeak:\t 9 kB\nVmRSS:\t  2048 kB\n')).toBe(2_097_152);
    expect(() => residentBytes('VmPeak:\t 9 kB\n')).toThrow('VmRSS');
  });

  test('reads ranges and single CPUs', () => {
    expect(allowedCpus('Cpus_allowed:\tff\nCpus_allowed_list:\t0-2,5,8-9\n')).toEqual([0, 1, 2, 5, 8, 9]);
  });

  test('counts stolen time as busy and waiting for disks as idle, CPU by CPU', () => {
    const before = cpuTimes('cpu  9 9 9 9\ncpu0 100 0 100 800 0 0 0 0 0 0\ncpu1 0 0 0 1000 0 0 0 0 0 0\nintr 1\n');
    const after = cpuTimes('cpu  9 9 9 9\ncpu0 150 0 120 810 10 0 0 10 50 0\ncpu1 0 0 0 1100 0 0 0 0 0 0\nintr 1\n');
    expect(busyShare(before, after, [0])).toBeCloseTo(0.8);
    expect(busyShare(before, after, [1])).toBe(0);
    expect(busyShare(before, after, [0, 1])).toBeCloseTo(0.4);
  });
});
