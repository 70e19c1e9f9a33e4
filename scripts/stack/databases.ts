import { existsSync } from 'node:fs';
import path from 'node:path';
import type { EmbeddedPostgres } from '@clearway/database';
import type { DatabaseUrls } from './processes.ts';
import type { Settings } from './settings.ts';

/** The databases of a start. */
export interface Databases {
  readonly urls: DatabaseUrls;
  /** The embedded server; undefined when both databases are elsewhere. */
  readonly embedded: EmbeddedPostgres | undefined;
}

/** Where the embedded server keeps its data. */
export const embeddedDirectory = (settings: Settings): string => path.join(settings.dataDirectory, 'postgres');

/** Whether a server of this clone may be running already: then its port is no other program's. */
export function embeddedMayRun(settings: Settings): boolean {
  const directory = embeddedDirectory(settings);
  return existsSync(path.join(directory, 'data/postmaster.pid')) || existsSync(`${directory}.location`);
}

/** Starts the embedded PostgreSQL, or attaches to it, for the databases whose address is not set. */
export async function openDatabases(settings: Settings): Promise<Databases> {
  const { databaseUrl, tracksDatabaseUrl } = settings;
  if (databaseUrl !== undefined && tracksDatabaseUrl !== undefined) {
    return { urls: { clearway: databaseUrl, tracks: tracksDatabaseUrl }, embedded: undefined };
  }
  const { startEmbeddedPostgres } = await import('@clearway/database');
  const embedded = await startEmbeddedPostgres({
    dataDirectory: embeddedDirectory(settings),
    port: settings.ports.database,
    databases: [
      ...(databaseUrl === undefined ? ['clearway'] : []),
      ...(tracksDatabaseUrl === undefined ? ['tracks'] : []),
    ],
  });
  const urls = {
    clearway: databaseUrl ?? embedded.url('clearway'),
    tracks: tracksDatabaseUrl ?? embedded.url('tracks'),
  };
  return { urls, embedded };
}

/** Brings both databases to the newest version of their schema. Returns how many migrations were applied. */
export async function migrate(root: string, urls: DatabaseUrls): Promise<number> {
  const { installMonitoring, migrateDeploy } = await import('@clearway/database');
  const apply = async (url: string, folder: string): Promise<number> => {
    const applied = await migrateDeploy({
      connectionString: url,
      directory: path.join(root, folder, 'prisma/migrations'),
    });
    return applied.length;
  };
  const counts = await Promise.all([
    apply(urls.clearway, 'backend/database'),
    apply(urls.tracks, 'examples/tracks-service'),
  ]);
  // the monitor works without them, where the role may not install any
  await installMonitoring(urls.tracks).catch(() => undefined);
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Fills the example's database with something to look at, unless it holds something. */
export async function seedExample(urls: DatabaseUrls): Promise<void> {
  const { seed } = await import('@clearway/tracks-service/seed');
  await seed(urls.tracks);
}
