import { hostname } from 'node:os';
import { bytesText } from '../sentences.ts';
import type { BackupEvent, BackupEventType } from './backup-event.ts';

const WHAT: Record<Exclude<BackupEventType, 'backup.notice_test'>, string> = {
  'backup.made': 'was made',
  'backup.failed': 'failed',
  'backup.proven': 'was proven',
  'backup.proof_failed': 'could not be proven',
  'backup.drill_passed': 'passed its drill',
  'backup.drill_failed': 'failed its drill',
  'backup.prune_failed': 'could not be pruned',
  'backup.unwell': 'is not well',
  'backup.well': 'is well again',
};

/** A notice for people. */
export interface NoticeText {
  readonly title: string;
  readonly lines: readonly string[];
}

/** What a notice says, with what is secret taken out. */
export function noticeText(event: BackupEvent, scrub: (text: string) => string): NoticeText {
  const { type, database, message, remedy, reason, backupId, at, facts } = event;
  const figures = Object.entries(facts).map(([name, value]) => `${name}: ${figureText(name, value)}`);
  return {
    title: scrub(type === 'backup.notice_test' ? 'A test of the notices' : `The backup of ${database} ${WHAT[type]}`),
    lines: [
      message,
      ...(remedy === null ? [] : [`→ ${remedy}`]),
      [...(backupId === null ? [] : [backupId]), ...(reason === null ? [] : [reason]), ...figures].join(', '),
      `${at}, told by ${hostname()}`,
    ]
      .filter((line) => line !== '')
      .map(scrub)
      .map(shortened),
  };
}

/** What a program said at length must not cost the notice: receivers refuse or cut long messages. */
const shortened = (line: string): string =>
  line.length > LONGEST_CHARACTERS ? `${line.slice(0, LONGEST_CHARACTERS)} …` : line;
const LONGEST_CHARACTERS = 1500;

/** Sizes and seconds as people say them. */
function figureText(name: string, value: string | number | boolean): string {
  if (typeof value !== 'number') return String(value);
  if (name.endsWith('Bytes')) return bytesText(value);
  return String(Math.round(value * 10) / 10);
}

// a password may hold an @
const URL_CREDENTIALS = /([a-z][a-z0-9+.-]*:\/\/)[^\s/]*@/gi;
const AGE_SECRET = /AGE-SECRET-KEY-1[A-Z0-9]+/gi;
const LEAST_SECRET_CHARACTERS = 6;

/**
 * Takes credentials out of texts: those in URLs, private keys, and the values that are given.
 *
 * @example
 * scrubber([password])('cannot reach postgresql://me:pass@db/x') // 'cannot reach postgresql://…@db/x'
 */
export function scrubber(secrets: readonly (string | undefined)[]): (text: string) => string {
  const known = secrets.filter((secret) => secret !== undefined && secret.length >= LEAST_SECRET_CHARACTERS);
  return (text) =>
    known
      .reduce<string>((kept, secret) => kept.replaceAll(secret as string, '…'), text)
      .replace(URL_CREDENTIALS, '$1…@')
      .replace(AGE_SECRET, '…');
}
