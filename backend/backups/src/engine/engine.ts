import type { StoredBackup } from '../catalogue/catalogue.ts';
import type { VerifyLevel } from '../catalogue/states.ts';
import type { Compression, DumpFormat } from '../dump/dumper.ts';
import type { BackupFailure } from '../failures.ts';
import type { OnProgress } from '../progress.ts';
import type { RestoreJournal } from '../restore/journal.ts';
import type { RestoreResult } from '../restore/restore.ts';
import type { AdoptRequest } from './adopt.ts';
import type { BackupStorage } from '../storage/storage.ts';
import type { VerifyResult } from '../verify/verify.ts';

/** What every operation is given. */
interface Operation {
  readonly identities?: readonly string[] | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is to be backed up, and how. */
export interface CreateRequest extends Operation {
  readonly connectionString: string;
  readonly storage: BackupStorage;
  /** Where further copies go. One storage that fails does not lose the others. */
  readonly copies?: readonly BackupStorage[] | undefined;
  /** The form of the dump; `custom` where it can be had. */
  readonly format?: DumpFormat | undefined;
  readonly compression?: Compression | undefined;
  /** Public keys of age: encrypts when there are any. */
  readonly recipients?: readonly string[] | undefined;
  /** The cluster that the database must be on. Without it, the one of the last proven backup of that database. */
  readonly systemIdentifier?: string | undefined;
  /** Takes another cluster than before for granted from now on. */
  readonly acceptNewIdentity?: boolean | undefined;
  readonly purpose?: 'regular' | 'safety' | undefined;
  /** Takes one that somebody else has begun since this moment, if every storage holds a good copy of it. */
  readonly unlessMadeSinceMs?: number | undefined;
  /** How long to wait for a table that another transaction changes, in milliseconds. */
  readonly lockWaitMs?: number | undefined;
}

/** What came of storing a backup in one storage, and of verifying it there. */
export interface CopyOutcome {
  readonly storage: BackupStorage;
  /** The copy, where it was stored. */
  readonly backup?: StoredBackup | undefined;
  /** Why it is not there, or not good. */
  readonly failure?: BackupFailure | undefined;
}

/** A backup that was made: the first copy that is good. */
export interface CreatedBackup extends StoredBackup {
  /** What came of each storage, in the order of the request. A backup is made when one of them has no failure. */
  readonly copies: readonly CopyOutcome[];
  /** Somebody else had made it since the moment that was given: nothing was done. */
  readonly isEarlier?: true;
}

/** A backup that is to be copied to a storage that lacks it. */
export interface CopyRequest extends Operation {
  readonly backup: StoredBackup;
  readonly storage: BackupStorage;
}

/** How a copy is to be verified. */
export interface VerifyRequest extends Operation {
  readonly backup: StoredBackup;
  readonly level: VerifyLevel;
  /** Takes the proof that somebody else has made since this moment. */
  readonly unlessProvenSinceMs?: number | undefined;
}

/** What is to be restored, and where to. */
export interface RestoreRequest extends Operation {
  readonly backup: StoredBackup;
  /** A database of the server to restore to, with a role that may make databases. */
  readonly serverUrl: string;
  /** Name that the restored database shall have in the end. */
  readonly database: string;
  /** Where the safety backup of what has that name now goes. */
  readonly storage: BackupStorage;
  /** Empties the database and fills it again instead of putting another one in its place. */
  readonly inPlace?: boolean | undefined;
  /** A moment to restore to: engines without a log of changes refuse it. */
  readonly pointInTime?: string | undefined;
  /** Makes the roles that are missing, without passwords. */
  readonly makeRoles?: boolean | undefined;
  /** Gives nothing to its owner and no rights to anyone: all belongs to the role that restores. */
  readonly withoutOwners?: boolean | undefined;
  /** Restores a backup that was never proven. */
  readonly allowUnproven?: boolean | undefined;
  /** Public keys for the safety backup: those of the backup when they are left out. */
  readonly recipients?: readonly string[] | undefined;
}

/** Which restore is to be confirmed or undone. */
export interface SettleRequest {
  readonly serverUrl: string;
  /** Of its journal. */
  readonly id: string;
}

/** What an engine can do besides the common. */
export interface EngineAbilities {
  readonly pointInTime: boolean;
  readonly incremental: boolean;
}

/**
 * What makes, proves and restores backups. The one that is there writes logical dumps; one for large databases
 * (pgBackRest) will fill the same interface.
 *
 * All failures are BackupFailures.
 */
export interface BackupEngine {
  readonly name: string;
  readonly abilities: EngineAbilities;
  /**
   * Makes a backup, stores it in each storage, and reads it there once to its last byte. What a process before it made and
   * could not store any more is stored first. While another one does so for the same database, it is refused: `locked`.
   */
  create(request: CreateRequest): Promise<CreatedBackup>;
  /** Copies a backup to a storage that lacks it, and reads it there once to its last byte. */
  copy(request: CopyRequest): Promise<StoredBackup>;
  /** Takes a copy of a dump that was made elsewhere, and reads it once to its last byte. */
  adopt(request: AdoptRequest): Promise<StoredBackup>;
  /**
   * Verifies a copy where it lies. What is wrong with it is in the result. While another one restores the same copy, it is
   * refused: `locked`.
   */
  verify(request: VerifyRequest): Promise<VerifyResult>;
  /** Restores a copy into another database, compares it, and puts it in the old one's place. */
  restore(request: RestoreRequest): Promise<RestoreResult>;
  /** The restores that were made from here, oldest first. */
  restores(): Promise<RestoreJournal[]>;
  /** Removes the database that a restore replaced. */
  confirm(request: SettleRequest): Promise<RestoreJournal>;
  /** Gives the database that a restore replaced its name back. */
  undo(request: SettleRequest): Promise<RestoreJournal>;
}
