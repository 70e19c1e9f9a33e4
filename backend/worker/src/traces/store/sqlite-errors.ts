/** SQLite's primary result codes that need an answer of their own (sqlite.org/rescode.html). */
const BUSY = 5;
const LOCKED = 6;
const CORRUPT = 11;
const FULL = 13;
const NOT_A_DATABASE = 26;

function primaryCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

/** Whether an error is SQLite's, and no fault of ours. */
export function isSqliteError(error: unknown): boolean {
  return primaryCode(error) !== undefined;
}

/** Whether the file itself is broken, so that only another one helps. */
export function isBrokenFile(error: unknown): boolean {
  const code = primaryCode(error);
  return code === CORRUPT || code === NOT_A_DATABASE;
}

/** Whether the store's bound or the disk is reached. */
export function isFull(error: unknown): boolean {
  return primaryCode(error) === FULL;
}

/** Whether the file may well be right, and only cannot be used now: another process has it, or the disk is full. */
export function isOccupied(error: unknown): boolean {
  return [BUSY, LOCKED, FULL].includes(primaryCode(error) ?? -1);
}
