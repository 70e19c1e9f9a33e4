import { ByteReader, readToEnd } from '../archive/byte-reader.ts';
import { countLines } from '../archive/copy-data.ts';
import { canonicalName, type OpenArchive, type RestoreItem } from '../archive/items.ts';
import { checkHash, fileOf, openDump } from '../archive/open-dump.ts';
import { statementsOf } from '../archive/plain-archive.ts';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { quoteQualified } from '../connection/session.ts';
import { BackupFailure } from '../failures.ts';
import type { ManifestContent } from '../manifest/schema.ts';
import { counted } from '../sentences.ts';
import type { OnProgress } from '../progress.ts';

/** What reading a backup found out. */
export interface Decoded {
  /** `hash`: it is encrypted and no identity was given, so that only the stored bytes could be compared. */
  readonly by: 'content' | 'hash';
}

/** How a backup is read. */
export interface DecodeOptions {
  readonly identities?: readonly string[] | undefined;
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a backup to its last byte, as a restore would, without a server: hashes of all files, compression, encryption,
 * table of contents, every block of data, and the number of rows of each table.
 *
 * @throws BackupFailure `damaged` with the first thing that is wrong
 */
export async function decodeBackup(backup: StoredBackup, options: DecodeOptions): Promise<Decoded> {
  const total = backup.manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let before = 0;
  const onBytes = (bytes: number): void =>
    options.onProgress({ phase: 'decoding', done: before + bytes, total, unit: 'bytes' });
  before += await checkOtherFiles(backup, onBytes);
  if (backup.manifest.encryption && !options.identities?.length) {
    await checkHash(backup, fileOf(backup, 'dump'), onBytes);
    return { by: 'hash' };
  }
  const dump = await openDump(backup, { identities: options.identities, onBytes });
  try {
    const counts = await readAll(dump.archive, options.signal);
    await dump.finish();
    if (backup.manifest.content) compareCounts(backup.manifest.content, counts);
  } finally {
    dump.close();
  }
  return { by: 'content' };
}

/**
 * Compares the files besides the dump, which a restore reads anyway, with their hashes.
 *
 * @returns how many bytes they have
 * @throws BackupFailure `damaged`
 */
export async function checkOtherFiles(backup: StoredBackup, onBytes?: (bytes: number) => void): Promise<number> {
  let sizeBytes = 0;
  for (const file of backup.manifest.files.filter(({ role }) => role !== 'dump')) {
    await checkHash(backup, file, onBytes);
    sizeBytes += file.sizeBytes;
  }
  return sizeBytes;
}

type RowCounts = Map<string, number>;

/** Reads an archive to its end and counts the rows of each table; those that are written as INSERTs cannot be counted. */
async function readAll(archive: OpenArchive, signal: AbortSignal | undefined): Promise<RowCounts> {
  const counts: RowCounts = new Map();
  for await (const item of archive.items) {
    signal?.throwIfAborted();
    await readItem(item, counts);
  }
  return counts;
}

async function readItem(item: RestoreItem, counts: RowCounts): Promise<void> {
  if (item.kind === 'sql') return;
  if (item.kind === 'script') {
    await readToEnd(statementsOf(new ByteReader(item.data), item));
    return;
  }
  let rows = 0;
  for await (const piece of item.data) rows += countLines(piece);
  if (item.kind === 'copy') counts.set(canonicalName(item.table), (counts.get(canonicalName(item.table)) ?? 0) + rows);
}

function compareCounts(content: ManifestContent, counts: RowCounts): void {
  for (const { schema, name, rowCount, condition } of content.tables) {
    const found = counts.get(quoteQualified(schema, name)) ?? 0;
    if (found === rowCount || condition !== undefined) continue;
    throw new BackupFailure(
      'damaged',
      `the dump holds ${counted(found, 'row')} of ${schema}.${name}, and the database held ${rowCount}`,
    );
  }
}
