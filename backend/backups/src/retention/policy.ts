/**
 * What is kept of the backups of a database. A backup stays when any of the rules wants it. Only proven backups count.
 *
 * @example
 * { keepDays: 30 }
 * { keepDaily: 7, keepWeekly: 5, keepMonthly: 12, keepYearly: 3 }
 */
export interface RetentionPolicy {
  /** Days that proven backups are kept, counted back from the newest of them. 0 keeps none for its age. */
  readonly keepDays?: number | undefined;
  /** Number of the newest proven backups that are kept. */
  readonly keepCount?: number | undefined;
  /** Number of days of which the last proven backup is kept; days without one do not count. */
  readonly keepDaily?: number | undefined;
  /** The same for ISO weeks. */
  readonly keepWeekly?: number | undefined;
  readonly keepMonthly?: number | undefined;
  readonly keepYearly?: number | undefined;
  /** Number of the newest backups without a proof that are kept. */
  readonly keepUnproven?: number | undefined;
}

/** Policies by name: `month` is the usual one. */
export const RETENTION_PRESETS = { month: { keepDays: 30 }, week: { keepDays: 7 } } as const satisfies Record<
  string,
  RetentionPolicy
>;

/** Number of unproven backups that are kept unless a policy says otherwise. */
export const KEEP_UNPROVEN = 3;
/** How long what failed, or was found to be damaged, is kept aside. */
export const KEEP_FAILED_DAYS = 7;

const RULES = ['keepDays', 'keepCount', 'keepDaily', 'keepWeekly', 'keepMonthly', 'keepYearly'] as const;

/** The policy with all its rules: the usual one when it has none at all. */
export function completePolicy(policy: RetentionPolicy): Required<{ [K in keyof RetentionPolicy]: number }> {
  const usual = RULES.some((rule) => policy[rule] !== undefined) ? {} : RETENTION_PRESETS.month;
  const {
    keepDays = 0,
    keepCount = 0,
    keepDaily = 0,
    keepWeekly = 0,
    keepMonthly = 0,
    keepYearly = 0,
  } = {
    ...policy,
    ...usual,
  };
  const keepUnproven = Math.max(1, policy.keepUnproven ?? KEEP_UNPROVEN);
  return { keepDays, keepCount, keepDaily, keepWeekly, keepMonthly, keepYearly, keepUnproven };
}
