import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '@clearway/kernel';
import pg from 'pg';
import { endWithin } from './connections.ts';

const CHANNEL = 'clearway_jobs';
const LONGEST_PAUSE_MS = 10_000;

/** Sent in the transaction that enqueues: whoever waits for the job hears of it when it is committed. */
export const NOTIFY = `SELECT pg_notify('${CHANNEL}', $1)`;

/** What a notice says when the state of a job was changed, not its queue. */
export const CONTROL_NOTICE = '!control';

/** Hears of new events, so that they need not wait for the next look into the queue. */
export interface Notices {
  close(): Promise<void>;
}

/**
 * Listens on a connection of its own, which is opened again when it breaks. What is missed meanwhile is found by looking
 * into the queue: notices save waiting, nothing depends on them.
 */
export function listenForNotices(connectionString: string, onNotice: (jobId: string) => void): Notices {
  const abort = new AbortController();
  const done = listenUntilAborted(connectionString, onNotice, abort.signal);
  return {
    async close() {
      abort.abort();
      await done;
    },
  };
}

async function listenUntilAborted(
  connectionString: string,
  onNotice: (jobId: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    const client = new pg.Client({ connectionString, application_name: 'clearway-jobs-notices', keepAlive: true });
    const broken = new Promise<void>((resolve) => {
      // every one of them: an error that nobody hears ends the process
      client.on('error', () => resolve());
      client.once('end', () => resolve());
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    client.on('notification', ({ payload }) => onNotice(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      failures = 0;
      await broken;
    } catch {
      // opened again below
    }
    await endWithin(client.end(), [client]);
    if (!signal.aborted)
      await sleep(backoffMs(failures + 1, { baseMs: 200, maxMs: LONGEST_PAUSE_MS }), undefined, { signal }).catch(
        () => {},
      );
  }
}
