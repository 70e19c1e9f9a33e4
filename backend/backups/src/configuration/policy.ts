import type { BackupConfiguration } from '@clearway/contracts';
import { checkRecipient } from '../encryption/age.ts';
import { BackupFailure } from '../failures.ts';

/** What retention keeps. */
export type RetentionRules = Pick<
  BackupConfiguration,
  'keepDays' | 'keepCount' | 'keepDaily' | 'keepWeekly' | 'keepMonthly' | 'keepYearly' | 'keepUnproven'
>;

/** How one database is backed up: its entry of `backups`, with what the environment adds. */
export interface BackupPolicy extends Omit<BackupConfiguration, 'encryptFor' | keyof RetentionRules> {
  readonly recipients: readonly string[];
  readonly retention: RetentionRules;
}

type Variables = Readonly<Record<string, string | undefined>>;

const PRESET_DAYS = { month: 30, week: 7 } as const;
const LONGEST_DAYS = 3650;

/**
 * The policy that an entry and the environment make: what the entry says wins.
 *
 * @throws BackupFailure for a variable that cannot be used
 */
export function policyOf(entry: BackupConfiguration, variables: Variables): BackupPolicy {
  const { encryptFor, keepDays, keepCount, keepDaily, keepWeekly, keepMonthly, keepYearly, keepUnproven, ...rest } =
    entry;
  const further = { keepCount, keepDaily, keepWeekly, keepMonthly, keepYearly };
  return {
    ...rest,
    recipients: encryptFor ?? recipientsOf(variables),
    retention: { ...further, keepDays: keepDays ?? usualDays(entry, further, variables), keepUnproven },
  };
}

/**
 * Public keys of age in `BACKUP_RECIPIENTS`, separated by commas or spaces.
 *
 * @throws BackupFailure `key-wrong`
 */
export function recipientsOf(variables: Variables): string[] {
  const recipients = variables['BACKUP_RECIPIENTS']?.split(/[\s,]+/).filter(Boolean) ?? [];
  recipients.forEach(checkRecipient);
  return recipients;
}

/** Where other rules are given, days are kept only when somebody asks for days. */
function usualDays({ preset }: BackupConfiguration, further: object, variables: Variables): number | undefined {
  const text = variables['RETENTION_DAYS'] ?? '';
  if (text === '') return Object.values(further).every((rule) => rule === undefined) ? PRESET_DAYS[preset] : undefined;
  if (/^\d{1,4}$/.test(text) && Number(text) <= LONGEST_DAYS) return Number(text);
  throw new BackupFailure('unsupported', 'RETENTION_DAYS is not a number of days', {
    remedy: `write a whole number up to ${LONGEST_DAYS}`,
  });
}
