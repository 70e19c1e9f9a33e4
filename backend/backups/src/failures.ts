/**
 * Every way in which an operation on backups can fail, with the exit status of the command line. A name is a promise to
 * scripts and alert rules: it is never reused for something else.
 */
export const BACKUP_FAILURES = {
  unreachable: { exitCode: 10, meaning: 'a database could not be reached, or refused the login' },
  'permission-denied': { exitCode: 11, meaning: 'the role may not read, or not do, everything that is needed' },
  'dump-failed': { exitCode: 12, meaning: 'the dump could not be made' },
  'storage-failed': { exitCode: 13, meaning: 'a file could not be written or read: disk full, or no permission' },
  locked: { exitCode: 14, meaning: 'another process is working on the same database' },
  'wrong-database': { exitCode: 15, meaning: 'the database is not the one that was expected' },
  'not-found': { exitCode: 16, meaning: 'there is no such backup' },
  damaged: { exitCode: 17, meaning: 'the backup is damaged: it cannot be read whole, or is not what was stored' },
  different: { exitCode: 18, meaning: 'the backup was restored, and is not what its manifest says' },
  'restore-failed': { exitCode: 19, meaning: 'the server refused a part of the backup' },
  'not-provable': { exitCode: 20, meaning: 'there is no server to restore into: the backup stays as proven as it was' },
  'key-missing': { exitCode: 21, meaning: 'the backup is encrypted, and no identity was given' },
  'key-wrong': { exitCode: 22, meaning: 'none of the identities opens the backup' },
  'preflight-refused': {
    exitCode: 23,
    meaning: 'the target lacks something that the restore needs; nothing was changed',
  },
  'safety-failed': { exitCode: 24, meaning: 'no safety backup could be made; nothing was changed' },
  'swap-refused': { exitCode: 25, meaning: 'the restored database could not take the place of the old one' },
  unsupported: { exitCode: 26, meaning: 'this engine cannot do that' },
  interrupted: { exitCode: 27, meaning: 'it was told to stop before it was done' },
  conflict: { exitCode: 28, meaning: 'rows cannot be written beside what the database holds; nothing was changed' },
  'objective-missed': { exitCode: 29, meaning: 'the restore was right, and took longer than it may' },
  'copies-missing': { exitCode: 30, meaning: 'the backup was made, and not every storage holds a good copy of it' },
} as const;

/** The name of one way to fail. */
export type BackupFailureReason = keyof typeof BACKUP_FAILURES;

/** An operation on backups that failed: the message says what happened, the remedy what to do. */
export class BackupFailure extends Error {
  readonly reason: BackupFailureReason;
  readonly remedy: string | undefined;

  /**
   * @example
   * throw new BackupFailure('not-found', 'there is no backup of tracks', { remedy: 'make one: clearway backup create' });
   */
  constructor(
    reason: BackupFailureReason,
    message: string,
    options: { readonly cause?: unknown; readonly remedy?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BackupFailure';
    this.reason = reason;
    this.remedy = options.remedy;
  }

  get exitCode(): number {
    return BACKUP_FAILURES[this.reason].exitCode;
  }
}

const SQL_REASONS: readonly (readonly [RegExp, BackupFailureReason])[] = [
  [/^(28...|3D000|57P0[123]|53300|08...)$/, 'unreachable'],
  [/^42501$/, 'permission-denied'],
  [/^(53100|58...)$/, 'storage-failed'],
];
const SYSTEM_REASONS: readonly (readonly [RegExp, BackupFailureReason])[] = [
  [/^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|EPIPE)$/, 'unreachable'],
  [/^(ENOSPC|EDQUOT|EACCES|EPERM|EROFS|EIO|ENOENT|EFBIG)$/, 'storage-failed'],
  [/^ABORT_ERR$/, 'interrupted'],
];

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/^(ENOSPC|EDQUOT|EFBIG)$/, 'make room there, or name a folder on another disk: --dir, or BACKUP_DIR'],
  [/^(EACCES|EPERM|EROFS)$/, 'give this account the right to it, or name another folder: --dir, or BACKUP_DIR'],
  [/^53100$/, 'make room on the disk of the database server'],
  [
    /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|08...|57P0[123])$/,
    'look whether the server runs and can be reached from here, and try again',
  ],
  [/^55P03$/, 'others hold locks on it: clearway database status says who; try again'],
];

/**
 * Makes a BackupFailure of whatever was thrown: by the database's or the system's error code when it has one.
 *
 * @param fallback the reason when the code says nothing
 */
export function asBackupFailure(error: unknown, fallback: BackupFailureReason): BackupFailure {
  if (error instanceof BackupFailure) return error;
  const { code, message } = describe(error);
  const of = <T>(known: readonly (readonly [RegExp, T])[]): T | undefined =>
    known.find(([pattern]) => code !== undefined && pattern.test(code))?.[1];
  const remedy = of(REMEDIES);
  const reason = of([...SQL_REASONS, ...SYSTEM_REASONS]) ?? fallback;
  return new BackupFailure(reason, message, { cause: error, ...(remedy !== undefined && { remedy }) });
}

/** By what it holds and not by its class: errors of Node itself may be of another realm than this module. */
function describe(error: unknown): { code: string | undefined; message: string } {
  if (typeof error !== 'object' || error === null) return { code: undefined, message: String(error) };
  const { code, detail, name, message } = error as { code?: unknown; detail?: string; name?: string; message?: string };
  const text = message || (typeof code === 'string' ? code : (name ?? 'unknown'));
  return {
    code: name === 'AbortError' ? 'ABORT_ERR' : typeof code === 'string' ? code : undefined,
    message: detail ? `${text} (${detail})` : text,
  };
}
