import { cpus, freemem, totalmem } from 'node:os';
import type { Answer } from '../watch/answer.ts';
import { percent, type ResourceReader } from './resource-reader.ts';

interface Times {
  readonly busy: number;
  readonly all: number;
}

/** The figures of this machine: of the database server as well when it runs beside the worker. */
export function hostResources(): ResourceReader {
  let before = processorTimes();
  return {
    source: 'host',
    everyMs: 10_000,
    read() {
      const now = processorTimes();
      const cpuPercent: Answer<number> =
        now.all > before.all
          ? percent(now.busy - before.busy, now.all - before.all)
          : { skipped: 'too little time has passed since the last look' };
      before = now;
      return Promise.resolve({ cpuPercent, memoryPercent: percent(totalmem() - freemem(), totalmem()) });
    },
  };
}

function processorTimes(): Times {
  let [busy, all] = [0, 0];
  for (const { times } of cpus()) {
    const sum = times.user + times.nice + times.sys + times.irq + times.idle;
    all += sum;
    busy += sum - times.idle;
  }
  return { busy, all };
}
