import { readdir, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Kills every process of a PostgreSQL server, as a power cut does.
 *
 * @param pid of its postmaster
 * @param dataDirectory in which all of its processes work
 */
export async function killServer(pid: number, dataDirectory: string): Promise<void> {
  // the postmaster first, or it would start the others again
  process.kill(pid, 'SIGKILL');
  await sleep(50);
  for (const child of await processesIn(dataDirectory)) killIfThere(child);
}

/** Processes whose working directory this is. */
async function processesIn(directory: string): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const cwd = await readlink(`/proc/${entry}/cwd`).catch(() => '');
    if (cwd === directory) found.push(Number(entry));
  }
  return found;
}

/** What ended by itself meanwhile needs no signal. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
