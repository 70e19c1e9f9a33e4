import type { DatabaseCheckId, DatabaseThresholds } from '@clearway/contracts';
import type { LostIndex } from '../indexes/lost-indexes.ts';
import type { FullAnswers } from '../watch/full-pass.ts';
import type { Finding } from './level.ts';
import { bytes, count, limitsOf, plural } from './words.ts';

/** What a full pass knows. */
export interface FullKnowledge {
  readonly answers: FullAnswers;
  readonly thresholds: DatabaseThresholds;
  readonly quotaBytes: number | undefined;
  /** Days until the quota is reached at the present growth. */
  readonly daysUntilQuota: number | undefined;
}

/** The judgements of a full pass. */
export function fullFindings(known: FullKnowledge): Partial<Record<DatabaseCheckId, Finding>> {
  return { size: size(known), wraparound: wraparound(known), sequences: sequences(known) };
}

function size({ answers: { database }, thresholds, quotaBytes, daysUntilQuota }: FullKnowledge): Finding {
  if ('skipped' in database) return database;
  const { sizeBytes } = database.value;
  if (quotaBytes === undefined) return { notWatched: `the database has ${bytes(sizeBytes)}; no quota is configured` };
  const limits = limitsOf(thresholds.size);
  const value = Math.round((10_000 * sizeBytes) / quotaBytes) / 100;
  const soon =
    daysUntilQuota === undefined
      ? ''
      : `; at its present growth it is full in ${plural(Math.round(daysUntilQuota), 'day')}`;
  return {
    value,
    unit: 'percent',
    limits,
    message: `${bytes(sizeBytes)} of ${bytes(quotaBytes)} are used${soon}`,
    ...(value >= limits.warning && {
      recommendation: 'Look at the largest tables, unused indexes and bloat first; then raise the quota.',
    }),
  };
}

function wraparound({ answers: { wraparound: answer }, thresholds }: FullKnowledge): Finding {
  if ('skipped' in answer) return answer;
  const [oldest] = answer.value;
  if (!oldest) return { skipped: 'the server told of no database' };
  const { databaseName, usedPercent, xidAge, oldestTable, heldBackBy, heldBackAge, freezeAt } = oldest;
  const limits = limitsOf(thresholds.wraparound);
  const isHeldBack = heldBackBy !== null && (heldBackAge ?? 0) > freezeAt / 2;
  return {
    value: usedPercent,
    unit: 'percent',
    limits,
    message: `the oldest transaction id, of database ${databaseName}, is ${count(xidAge)} transactions old${oldestTable ? ` (table ${oldestTable})` : ''}`,
    ...(usedPercent >= limits.warning && {
      recommendation: isHeldBack
        ? `${heldBackBy} keeps VACUUM from freezing: end it, then VACUUM (FREEZE) the oldest tables.`
        : 'VACUUM (FREEZE) the oldest tables now, and look why autovacuum does not.',
    }),
    evidence: { names: oldestTable ? [oldestTable] : [] },
  };
}

function sequences({ answers: { sequences: answer }, thresholds }: FullKnowledge): Finding {
  if ('skipped' in answer) return answer;
  const limits = limitsOf(thresholds.sequences);
  const ending = answer.value.filter(({ cycles }) => !cycles);
  const hidden = ending.filter(({ visible }) => !visible).length;
  const seen = ending.filter(({ visible }) => visible).toSorted((a, b) => (b.usedPercent ?? 0) - (a.usedPercent ?? 0));
  const [fullest] = seen;
  if (hidden > 0 && (fullest?.usedPercent ?? 0) < limits.warning) {
    return { skipped: `${plural(hidden, 'sequence')} cannot be read by the role`, recommendation: HOW_TO_SEE };
  }
  if (!fullest) return { value: 0, unit: 'percent', limits, message: 'there are no sequences' };
  const { schemaName, sequenceName, columnName, lastValue, limitValue, usedPercent, limitedBy } = fullest;
  const near = seen.filter((sequence) => (sequence.usedPercent ?? 0) >= limits.warning);
  return {
    value: usedPercent ?? 0,
    unit: 'percent',
    limits,
    message: `sequence ${schemaName}.${sequenceName} is at ${count(lastValue ?? 0)} of ${count(limitValue)}, by ${limitedBy}${near.length > 1 ? `, and ${near.length - 1} more are near their end` : ''}`,
    ...(near.length > 0 && {
      recommendation: `Make ${columnName ?? 'the column'} a bigint before it is full: inserts fail then.`,
    }),
    evidence: { names: near.map((sequence) => `${sequence.schemaName}.${sequence.sequenceName}`).slice(0, 20) },
  };
}

const HOW_TO_SEE =
  'Install the monitoring functions as the owner of the tables (clearway database install-monitoring) and GRANT pg_monitor to the role.';

/** For how long a lost index is a warning: by then its queries have shown whether they miss it. */
const LOST_MS = 3_600_000;

/** Indexes that are broken, or gone since a short while. */
export function indexesFinding(
  problems: FullAnswers['problems'] | undefined,
  lost: readonly LostIndex[],
  nowMs: number,
): Finding {
  const recent = lost.filter(({ atMs }) => nowMs - atMs < LOST_MS);
  const [first] = recent;
  if (first) {
    return {
      status: 'warning',
      message: `index ${first.indexName} of ${first.tableName} is gone since ${new Date(first.atMs).toISOString()}${recent.length > 1 ? `, and ${recent.length - 1} more` : ''}`,
      recommendation: `If it was not meant, make it again: ${first.definition.replace('INDEX', 'INDEX CONCURRENTLY')}`,
      evidence: { names: recent.map(({ indexName }) => indexName) },
    };
  }
  if (problems === undefined) return { skipped: 'known from the first full pass on' };
  if ('skipped' in problems) return problems;
  const invalid = problems.value.filter(({ problem }) => problem === 'invalid');
  if (invalid.length === 0) return { status: 'ok', message: 'all indexes are there and valid' };
  const names = invalid.map(({ indexName }) => indexName);
  return {
    status: 'warning',
    message: `${plural(names.length, 'index is', 'indexes are')} invalid, which costs and helps nobody: ${names.slice(0, 5).join(', ')}`,
    recommendation: `DROP INDEX CONCURRENTLY ${names[0]}, then make it again.`,
    evidence: { names: names.slice(0, 20) },
  };
}
