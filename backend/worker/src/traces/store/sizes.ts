const MEBIBYTE = 1024 * 1024;

/** How the bytes that a store may take are divided. */
export interface StoreSizes {
  /** Of the database file. */
  readonly databaseBytes: number;
  /** Of the write-ahead log beside it. */
  readonly walBytes: number;
  /** Traces are removed above this, so that the next batch finds room. */
  readonly highBytes: number;
  /** Most that is written in one transaction. */
  readonly batchBytes: number;
  /** Most that waits to be written. */
  readonly queueBytes: number;
}

/**
 * Divides the bytes on disk.
 *
 * @param limitBytes of all files of the store together
 */
export function storeSizes(limitBytes: number): StoreSizes {
  const walBytes = Math.min(8 * MEBIBYTE, Math.floor(limitBytes / 4));
  // small enough that the event loop is not held up for long
  const batchBytes = Math.min(MEBIBYTE / 4, Math.floor(walBytes / 4));
  const databaseBytes = limitBytes - walBytes;
  return {
    walBytes,
    databaseBytes,
    batchBytes,
    highBytes: databaseBytes - 2 * batchBytes,
    queueBytes: Math.min(32 * MEBIBYTE, limitBytes),
  };
}
