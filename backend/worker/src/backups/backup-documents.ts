import type { BackupStanding, StoredBackup } from '@clearway/backups';
import type { BackupDetails, BackupSummary, DatabaseBackups } from '@clearway/contracts';

const NO_FIGURES = { ageSeconds: null, exactAgeSeconds: null, sizeBytes: null, restoreSeconds: null, failuresInRow: 0 };

/** A database whose backups were not looked at yet: nothing is known, and nothing counts as well. */
export const notLookedAt = (database: string): DatabaseBackups => ({
  database,
  status: 'skipped',
  checkedAt: null,
  checks: [],
  figures: NO_FIGURES,
  backups: [],
});

/** What was last seen of the backups of a database. */
export function databaseBackups(standing: BackupStanding): DatabaseBackups {
  const { database, status, checkedAt, checks, figures } = standing;
  const backups = [...copiesById(standing).values()].map(backupSummary).sort((a, b) => (a.id < b.id ? 1 : -1));
  return { database, status, checkedAt, checks, figures, backups };
}

/** The copies of each backup, by its id. */
export function copiesById({ facts }: BackupStanding): Map<string, StoredBackup[]> {
  return Map.groupBy(
    facts.storages.flatMap(({ backups }) => backups),
    ({ id }) => id,
  );
}

function backupSummary(copies: readonly StoredBackup[]): BackupSummary {
  const [{ id, manifest }] = copies as readonly [StoredBackup, ...StoredBackup[]];
  const restores = copies
    .flatMap(({ verifications }) => verifications.verifications)
    .filter(({ outcome, restoreSeconds }) => outcome === 'passed' && restoreSeconds !== undefined)
    .sort((a, b) => (a.at < b.at ? 1 : -1));
  return {
    id,
    createdAt: manifest.completedAt,
    durationSeconds: manifest.durationSeconds,
    sizeBytes: manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    databaseSizeBytes: manifest.source?.sizeBytes ?? null,
    format: manifest.dump.format,
    compression: manifest.dump.compression,
    encrypted: manifest.encryption !== null,
    restoreSeconds: restores[0]?.restoreSeconds ?? null,
    copies: copies.map(({ storage, verifications: { state, stateSince } }) => ({
      storage: storage.id,
      state,
      stateSince,
    })),
  };
}

/** A backup with what its copies went through; messages may name hosts. */
export function backupDetails(
  database: string,
  copies: readonly StoredBackup[],
  showsMessages: boolean,
): BackupDetails {
  const [{ manifest }] = copies as readonly [StoredBackup, ...StoredBackup[]];
  return {
    ...backupSummary(copies),
    database,
    tool: manifest.dump.tool,
    warnings: showsMessages ? manifest.warnings : [],
    tables:
      manifest.content?.tables.map(({ schema, name, rowCount }) => ({ name: `${schema}.${name}`, rowCount })) ?? null,
    verifications: copies.flatMap(({ storage, verifications }) =>
      verifications.verifications.map(({ level, outcome, at, durationSeconds, reason, message }) => ({
        storage: storage.id,
        level,
        outcome,
        at,
        durationSeconds,
        reason: reason ?? null,
        message: (showsMessages ? message : undefined) ?? null,
      })),
    ),
  };
}
