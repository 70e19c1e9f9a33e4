import { readFileSync } from 'node:fs';

const TICKS_A_SECOND = 100;

/** Processor time of a process with the children that it has waited for, as Linux counts it. */
export function cpuSecondsOf(pid: number | 'self', isOfChildrenAlone = false): number {
  // the name in parentheses may hold spaces
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
  return (childUser + childSystem + (isOfChildrenAlone ? 0 : user + system)) / TICKS_A_SECOND;
}

/** Of this process, and of those that it started and that have ended. */
export const ownCpuSeconds = (): number => cpuSecondsOf('self');
