import { z } from 'zod';

/** How far a backup is proven. Only `exact` is what promise 3 calls a backup. */
export const BACKUP_STATES = ['damaged', 'unverified', 'decoded', 'restored', 'exact'] as const;
export type BackupState = (typeof BACKUP_STATES)[number];

/** How thoroughly a backup is verified. */
export const VERIFY_LEVELS = ['decode', 'restore', 'exact'] as const;
export type VerifyLevel = (typeof VERIFY_LEVELS)[number];

const differenceSchema = z.strictObject({ kind: z.string(), name: z.string(), what: z.string() });

/** One verification and what came of it. */
export const verificationSchema = z.strictObject({
  level: z.enum(VERIFY_LEVELS),
  /** `not-possible`: nothing was found out, and the state stays. */
  outcome: z.enum(['passed', 'failed', 'not-possible']),
  at: z.iso.datetime(),
  durationSeconds: z.number(),
  /** How it was decoded: without the identity of an encrypted backup only its hash can be compared. */
  decodedBy: z.enum(['content', 'hash']).optional(),
  /** How long the restore alone took. */
  restoreSeconds: z.number().optional(),
  /** What it was restored into, such as `embedded PostgreSQL 15.18`. */
  server: z.string().optional(),
  /** Why it failed or was not possible. */
  reason: z.string().optional(),
  message: z.string().optional(),
  differences: z.array(differenceSchema).optional(),
});
export type Verification = z.infer<typeof verificationSchema>;

/** What is known about how far a backup is proven. */
export const verificationsSchema = z.strictObject({
  formatVersion: z.literal(1),
  state: z.enum(BACKUP_STATES),
  /** When the state was reached. */
  stateSince: z.iso.datetime(),
  /** Newest last; the oldest are forgotten. */
  verifications: z.array(verificationSchema),
});
export type Verifications = z.infer<typeof verificationsSchema>;

const REACHED: Record<VerifyLevel, BackupState> = { decode: 'decoded', restore: 'restored', exact: 'exact' };
const KEPT = 50;

/** The higher of two states. */
export const isAtLeast = (state: BackupState, floor: BackupState): boolean =>
  BACKUP_STATES.indexOf(state) >= BACKUP_STATES.indexOf(floor);

/** Of a new backup. */
export const noVerifications = (at: string): Verifications => ({
  formatVersion: 1,
  state: 'unverified',
  stateSince: at,
  verifications: [],
});

/**
 * Adds a verification. A passed one raises the state and never lowers it; of a failed one the backup is damaged, until a
 * thorough one passes; one that was not possible changes nothing.
 */
export function withVerification(known: Verifications, verification: Verification): Verifications {
  const state = nextState(known.state, verification);
  return {
    formatVersion: 1,
    state,
    stateSince: state === known.state ? known.stateSince : verification.at,
    verifications: [...known.verifications, verification].slice(-KEPT),
  };
}

function nextState(state: BackupState, { level, outcome }: Verification): BackupState {
  if (outcome === 'not-possible') return state;
  if (outcome === 'failed') return 'damaged';
  const reached = REACHED[level];
  // what a restore refuted, a mere reading cannot restore to honour
  if (state === 'damaged' && reached === 'decoded') return state;
  return isAtLeast(state, reached) ? state : reached;
}
