import { startEmbeddedPostgres, type EmbeddedPostgres } from '@clearway/database';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Observer, type Sighting, type Tempo } from './observer.ts';

const SETTINGS = { fsync: 'off' };

/** What the monitor said of a server that stopped, came back, and was replaced by another one. */
export interface ServerOutcome {
  readonly version: string;
  readonly said: Readonly<Record<'stopped' | 'returned' | 'restarted' | 'replaced', Sighting>>;
  readonly maxConnections: number;
  readonly events: readonly string[];
}

/** Stops a server, starts it again, and lets another one answer in its place. */
export async function serverFaults(major: number, tempo: Tempo): Promise<ServerOutcome> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-proof-'));
  chmodSync(folder, 0o711);
  const start = (name: string): Promise<EmbeddedPostgres> =>
    startEmbeddedPostgres({
      dataDirectory: path.join(folder, name),
      databases: ['subject'],
      settings: SETTINGS,
      ...(major !== 15 && { major }),
    });
  let server = await start('one');
  const observer = new Observer(tempo, () => server.url('subject'));
  const limitMs = tempo.quickMs * 3 + 20_000;
  try {
    await observer.start();
    let sinceMs = performance.now();
    await server.stop();
    const stopped = await observer.sees('reachable', ['critical'], sinceMs, limitMs);
    server = await start('one');
    sinceMs = performance.now();
    const returned = await observer.sees('reachable', ['ok'], sinceMs, limitMs);
    const restarted = await observer.sees('identity', ['warning'], sinceMs, limitMs);
    await server.stop();
    server = await start('another');
    sinceMs = performance.now();
    const replaced = await observer.sees('identity', ['critical'], sinceMs, limitMs);
    const events = observer.watch.events.map(({ kind, message }) => `${kind}: ${message}`);
    return {
      version: server.version,
      said: { stopped, returned, restarted, replaced },
      maxConnections: observer.maxConnections,
      events,
    };
  } finally {
    await observer.close();
    await server.stop().catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
}
