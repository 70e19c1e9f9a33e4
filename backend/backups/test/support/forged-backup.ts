import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { isBackupId, newBackupId } from '../../src/catalogue/id.ts';
import { withVerification, noVerifications, type BackupState } from '../../src/catalogue/states.ts';
import { writeManifest } from '../../src/manifest/document.ts';
import type { Manifest } from '../../src/manifest/schema.ts';
import { MANIFEST_FILE, VERIFICATION_FILE, type BackupStorage, type BackupToStore } from '../../src/storage/storage.ts';

/** A backup that was never dumped, for tests of what becomes of its files. */
export interface ForgedBackup {
  readonly id: string;
  readonly manifest: Manifest;
  readonly toStore: BackupToStore;
}

/** Forges a backup whose files hold what they are given. */
export function forgeBackup(
  madeAtMs: number,
  content: Buffer = Buffer.from('dump'),
  database = 'tracks',
): ForgedBackup {
  const id = newBackupId(database, madeAtMs);
  if (!isBackupId(id)) throw new Error(id);
  const at = new Date(madeAtMs).toISOString();
  const file = { role: 'dump' as const, name: 'database.dump', sizeBytes: content.length, sha256: sha256(content) };
  const manifest: Manifest = {
    formatVersion: 1,
    id,
    engine: 'logical',
    purpose: 'regular',
    startedAt: at,
    completedAt: at,
    durationSeconds: 0,
    source: { ...SOURCE, database },
    dump: { format: 'custom', compression: 'none', tool: 'none', plainSizeBytes: null },
    encryption: null,
    files: [file],
    content: {
      method: 'hash-columns-3',
      tables: [],
      sequences: [],
      largeObjects: { count: 0, checksum: '0' },
      objects: {},
      withoutRows: [],
    },
    roles: [],
    warnings: [],
  };
  const files: Record<string, Buffer> = {
    'database.dump': content,
    [MANIFEST_FILE]: Buffer.from(writeManifest(manifest)),
  };
  const bytesOf = (name: string): Buffer => files[name] ?? Buffer.alloc(0);
  const toStore: BackupToStore = {
    id,
    files: Object.keys(files),
    open: (name) => Promise.resolve(Readable.from(piecesOf(bytesOf(name)), { objectMode: false })),
    sizeOf: (name) => Promise.resolve(bytesOf(name).length),
  };
  return { id, manifest, toStore };
}

/** Stores a forged backup that was proven so far. */
export async function storeForged(
  storage: BackupStorage,
  madeAtMs: number,
  state: BackupState,
  database?: string,
): Promise<string> {
  const { id, toStore } = forgeBackup(madeAtMs, undefined, database);
  await storage.store(toStore);
  await setState(storage, id, state, madeAtMs);
  return id;
}

/** Writes down how far a backup is proven. */
export async function setState(storage: BackupStorage, id: string, state: BackupState, atMs: number): Promise<void> {
  const at = new Date(atMs).toISOString();
  const nothing = noVerifications(at);
  const level = {
    decoded: 'decode',
    restored: 'restore',
    exact: 'exact',
    damaged: 'exact',
    unverified: undefined,
  } as const;
  const reached = level[state];
  const outcome = state === 'damaged' ? ('failed' as const) : ('passed' as const);
  const known = reached ? withVerification(nothing, { level: reached, outcome, at, durationSeconds: 0 }) : nothing;
  await storage.replaceText(id, VERIFICATION_FILE, JSON.stringify(known));
}

function* piecesOf(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
}

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

const SOURCE: NonNullable<Manifest['source']> = {
  systemIdentifier: '1',
  database: 'tracks',
  host: 'here',
  role: 'me',
  version: '18.1',
  versionNumber: 180_001,
  encoding: 'UTF8',
  collate: 'C',
  characterType: 'C',
  localeProvider: 'libc',
  locale: null,
  owner: 'me',
  grants: [],
  settings: [],
  sizeBytes: 0,
  extensions: [],
};
