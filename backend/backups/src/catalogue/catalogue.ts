import { BackupFailure, type BackupFailureReason } from '../failures.ts';
import { aheadFirst } from './ahead.ts';
import { readManifest } from '../manifest/document.ts';
import type { Manifest } from '../manifest/schema.ts';
import { MANIFEST_FILE, VERIFICATION_FILE, type BackupStorage } from '../storage/storage.ts';
import {
  noVerifications,
  verificationsSchema,
  withVerification,
  type Verification,
  type Verifications,
} from './states.ts';

/** A copy of a backup where it lies: each copy is proven by itself. */
export interface StoredBackup {
  readonly id: string;
  readonly storage: BackupStorage;
  readonly manifest: Manifest;
  readonly verifications: Verifications;
}

/** A copy whose manifest cannot be read. */
export interface UnreadableBackup {
  readonly id: string;
  readonly storage: BackupStorage;
  readonly problem: string;
  /** `damaged`, or `unsupported` when a newer version made it. */
  readonly reason: BackupFailureReason;
}

/** What a storage holds. */
export interface CatalogueListing {
  /** Oldest first. */
  readonly backups: readonly StoredBackup[];
  readonly unreadable: readonly UnreadableBackup[];
}

/**
 * Reads one copy.
 *
 * @throws BackupFailure `not-found`, or `damaged` when the manifest is not what was written
 */
export async function readBackup(storage: BackupStorage, id: string): Promise<StoredBackup> {
  const text = await storage.readText(id, MANIFEST_FILE);
  if (text === undefined) throw new BackupFailure('not-found', `${storage.location} holds no backup ${id}`);
  const manifest = readManifest(text, id);
  return { id, storage, manifest, verifications: await readVerifications(storage, manifest) };
}

/** How many copies are read at once. */
const AT_ONCE = 8;

/**
 * Reads everything that a storage holds.
 *
 * @param nowMs what claims to be made later comes before all others, as if it were the oldest: that clock was wrong, and
 *   would hide for years what is newer
 */
export async function listBackups(storage: BackupStorage, nowMs = Infinity): Promise<CatalogueListing> {
  const ids = await storage.list();
  const found: (StoredBackup | UnreadableBackup | undefined)[] = [];
  const next = ids.entries();
  const readOn = async (): Promise<void> => {
    for (const [i, id] of next) found[i] = await readOrReport(storage, id);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, readOn));
  const backups = found.filter((entry) => entry !== undefined && 'manifest' in entry);
  const unreadable = found.filter((entry) => entry !== undefined && 'problem' in entry);
  return { backups: aheadFirst(backups, ({ manifest }) => Date.parse(manifest.completedAt), nowMs), unreadable };
}

/** Undefined for one that was removed meanwhile. */
async function readOrReport(storage: BackupStorage, id: string): Promise<StoredBackup | UnreadableBackup | undefined> {
  try {
    return await readBackup(storage, id);
  } catch (error) {
    if (!(error instanceof BackupFailure) || error.reason === 'storage-failed') throw error;
    if (error.reason === 'not-found') return undefined;
    return { id, storage, problem: error.message, reason: error.reason };
  }
}

/** Writes down a verification where the copy lies, and returns the copy as it is now. */
export async function recordVerification(backup: StoredBackup, verification: Verification): Promise<StoredBackup> {
  const known = await readVerifications(backup.storage, backup.manifest);
  const verifications = withVerification(known, verification);
  const text = `${JSON.stringify(verifications, null, 1)}\n`;
  await backup.storage.replaceText(backup.id, VERIFICATION_FILE, text);
  return { ...backup, verifications };
}

/** What cannot be read proves nothing: the backup counts as unverified then. */
async function readVerifications(storage: BackupStorage, manifest: Manifest): Promise<Verifications> {
  const nothing = noVerifications(manifest.completedAt);
  const text = await storage.readText(manifest.id, VERIFICATION_FILE);
  if (text === undefined) return nothing;
  try {
    return verificationsSchema.parse(JSON.parse(text));
  } catch {
    return nothing;
  }
}
