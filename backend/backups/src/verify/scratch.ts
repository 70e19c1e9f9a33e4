import type { StoredBackup } from '../catalogue/catalogue.ts';
import type { OnProgress } from '../progress.ts';

/** A database that is there for one verification. */
export interface ScratchDatabase {
  /** Shown in results, such as `embedded PostgreSQL 15.18`. */
  readonly server: string;
  readonly connectionString: string;
  /** Whether missing roles are made on its server. Where they may not be, owners and rights are not restored. */
  readonly makeRoles: boolean;
  /** Whether owners and rights are restored and compared. */
  readonly withOwners: boolean;
  /** In what it is not like the dumped one, such as its locale. */
  readonly unlike?: string | undefined;
  /** Removes it. */
  close(): Promise<void>;
}

/** Gives scratch databases. */
export interface ScratchServer {
  /**
   * Makes an empty database that fits a backup: same major version, same extensions, same encoding.
   *
   * @returns the reason instead when there cannot be one
   */
  open(backup: StoredBackup, onProgress: OnProgress): Promise<ScratchDatabase | { readonly whyNot: string }>;
}
