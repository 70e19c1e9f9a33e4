import { openSnapshot } from '../dump/snapshot.ts';
import { asBackupFailure } from '../failures.ts';
import { closeContent, measureContent, openContent } from '../manifest/measure.ts';
import type { ManifestContent, ManifestSource } from '../manifest/schema.ts';
import { describeSource } from '../manifest/source.ts';
import type { OnProgress } from '../progress.ts';

/** What a database is and holds at one moment. */
export interface MeasuredDatabase {
  readonly source: ManifestSource;
  readonly content: ManifestContent;
}

const LOCK_WAIT_MS = 60_000;

/**
 * Measures a database as a backup would, without dumping it: every row of every table is read once, in one snapshot.
 *
 * @throws BackupFailure `unreachable`, `permission-denied`, `locked` while a backup is made
 */
export async function measureDatabase(
  connectionString: string,
  how: { readonly onProgress?: OnProgress | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<MeasuredDatabase> {
  const { onProgress = () => {}, signal } = how;
  const snapshot = await openSnapshot(connectionString, LOCK_WAIT_MS);
  try {
    const source = await describeSource(snapshot.client);
    const opened = await openContent(snapshot.client, snapshot.tables);
    const measured = await measureContent(snapshot.client, opened, { owner: source.owner, onProgress, signal });
    return { source, content: await closeContent(snapshot.client, opened, measured) };
  } catch (error) {
    throw asBackupFailure(error, 'dump-failed');
  } finally {
    await snapshot.close();
  }
}
