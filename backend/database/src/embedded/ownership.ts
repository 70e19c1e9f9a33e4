import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { readIfPresent, replaceFile } from './files.ts';
import { identifyProcess, stillRuns } from './processes.ts';

const ownerFile = (cluster: Cluster): string => join(cluster.directory, 'owner');

/** Notes that this process stops the server. */
export function takeOwnership(cluster: Cluster, serverPid: number): void {
  replaceFile(ownerFile(cluster), `${serverPid}\n${identifyProcess(process.pid)}\n`);
}

/**
 * Whether a server that was found running has to be stopped by this process, because the one that started it is gone.
 * Waits a moment for a starter that has not written its name yet.
 */
export async function adopt(cluster: Cluster, serverPid: number): Promise<boolean> {
  for (let tries = 0; tries < 20; tries++, await sleep(50)) {
    const [pid, owner = ''] = readIfPresent(ownerFile(cluster))?.split('\n') ?? [];
    if (Number(pid) !== serverPid) continue;
    if (stillRuns(owner)) return false;
    break;
  }
  takeOwnership(cluster, serverPid);
  return true;
}
