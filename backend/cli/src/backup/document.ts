import type { BackupFailure, CopyOutcome, StoredBackup } from '@clearway/backups';

/** What `--json` says of a backup. */
export interface BackupDocument {
  readonly id: string;
  readonly state: string;
  readonly stateSince: string;
  readonly purpose: string;
  readonly database: string | null;
  readonly createdAt: string;
  readonly durationSeconds: number;
  /** Of the last verification that restored it; null before. */
  readonly restoreSeconds: number | null;
  readonly storage: string;
  readonly file: string;
  readonly manifest: string;
  readonly sizeBytes: number;
  readonly databaseSizeBytes: number | null;
  readonly format: string;
  readonly compression: string;
  readonly tool: string;
  readonly encrypted: boolean;
  readonly tables: number | null;
  readonly rows: number | null;
  readonly warnings: readonly string[];
}

/** A backup as scripts read it. */
export function backupDocument({ id, manifest, verifications, storage }: StoredBackup): BackupDocument {
  const { source, content, dump, files } = manifest;
  const place = (file: string): string => `${storage.location}/${id}/${file}`;
  return {
    id,
    state: verifications.state,
    stateSince: verifications.stateSince,
    purpose: manifest.purpose,
    database: source?.database ?? null,
    createdAt: manifest.completedAt,
    durationSeconds: manifest.durationSeconds,
    restoreSeconds:
      verifications.verifications.findLast(({ restoreSeconds }) => restoreSeconds !== undefined)?.restoreSeconds ??
      null,
    storage: storage.id,
    file: place(files.find(({ role }) => role === 'dump')?.name ?? ''),
    manifest: place('manifest.json'),
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    databaseSizeBytes: source?.sizeBytes ?? null,
    format: dump.format,
    compression: dump.compression,
    tool: dump.tool,
    encrypted: manifest.encryption !== null,
    tables: content?.tables.length ?? null,
    rows: content?.tables.reduce((sum, { rowCount }) => sum + rowCount, 0) ?? null,
    warnings: manifest.warnings,
  };
}

/** Why something failed, and what to do, as scripts read it. */
export interface FailureDocument {
  readonly reason: string;
  readonly message: string;
  readonly remedy: string | null;
}

/** A failure as scripts read it. */
export const failureDocument = ({ reason, message, remedy }: BackupFailure): FailureDocument => ({
  reason,
  message,
  remedy: remedy ?? null,
});

/** One copy of a new backup as scripts read it. */
export interface CopyDocument {
  readonly storage: string;
  /** Null when it is not there. */
  readonly state: string | null;
  readonly failure: FailureDocument | null;
}

/** What came of each storage. */
export function copyDocument({ storage, backup, failure }: CopyOutcome): CopyDocument {
  return {
    storage: storage.id,
    state: backup?.verifications.state ?? null,
    failure: failure ? failureDocument(failure) : null,
  };
}
