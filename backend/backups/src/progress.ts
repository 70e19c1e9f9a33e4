/** What an operation is at. */
export type BackupPhase =
  | 'waiting'
  | 'connecting'
  | 'dumping'
  | 'measuring'
  | 'storing'
  | 'decoding'
  | 'starting-server'
  | 'restoring'
  | 'comparing'
  | 'preparing'
  | 'safety-backup'
  | 'swapping'
  | 'cleaning-up';

/** How far an operation is. */
export interface BackupProgress {
  readonly phase: BackupPhase;
  /** What is being done, or what somebody should know, such as that a fallback is used. */
  readonly message?: string;
  /** Whether the message is a warning that belongs into the result. */
  readonly isWarning?: boolean;
  readonly done?: number;
  /** Expected end of `done`; an estimate. */
  readonly total?: number;
  readonly unit?: 'bytes' | 'tables' | 'statements';
}

/** Hears how far an operation is. What it throws is not caught: it must not throw. */
export type OnProgress = (progress: BackupProgress) => void;
