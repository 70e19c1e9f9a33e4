import type pg from 'pg';
import { inReadOnly, type QueryBounds } from '../read-only/in-read-only.ts';
import { queryError, type QueryError } from '../read-only/query-error.ts';
import { readNumber, readOffending } from '../read-only/read-offending.ts';
import type { CheckResult } from './check-state.ts';
import type { QueryCheck, ScanCheck } from './definitions.ts';
import { readFinding } from './findings.ts';
import { resolveRelation } from './relations.ts';
import type { Reference } from './reference.ts';

const CATALOGUE_SAMPLE = 20;

/**
 * Runs a check that is one query, within its bounds.
 *
 * @throws QueryError when there is no answer
 */
export async function runQueryCheck(
  client: pg.ClientBase,
  check: QueryCheck,
  bounds: QueryBounds,
): Promise<CheckResult> {
  const startMs = performance.now();
  const answer = await answerOf(client, check, bounds);
  return { ...answer, durationMs: performance.now() - startMs };
}

type Answer = Omit<CheckResult, 'durationMs'>;

async function answerOf(client: pg.ClientBase, check: QueryCheck, bounds: QueryBounds): Promise<Answer> {
  if (check.kind === 'count') {
    const { sql, timeoutMs, atLeast, atMost } = check.settings;
    const value = await readNumber(client, sql, { ...bounds, timeoutMs });
    return judged(value, atLeast, atMost);
  }
  const found =
    check.kind === 'invariant'
      ? await readOffending(client, check.settings, { ...bounds, timeoutMs: check.settings.timeoutMs })
      : await catalogue(client, check, bounds);
  const { count, isBound, sample } = found;
  const remedy = check.kind === 'catalogue' && count > 0 ? { remedy: check.finding.remedy } : {};
  return { status: count > 0 ? 'violated' : 'ok', violations: count, isBound, sample, ...remedy };
}

function judged(value: number | undefined, atLeast = -Infinity, atMost = Infinity): Answer {
  if (value === undefined) {
    return { status: 'skipped', reason: 'it returned NULL', remedy: 'return a number: coalesce(…, 0)' };
  }
  const reason =
    value < atLeast
      ? `${value} is less than ${atLeast}`
      : value > atMost
        ? `${value} is more than ${atMost}`
        : undefined;
  if (reason === undefined) return { status: 'ok', value };
  return { status: 'violated', value, violations: 1, reason };
}

async function catalogue(client: pg.ClientBase, { finding }: QueryCheck & { kind: 'catalogue' }, bounds: QueryBounds) {
  try {
    return await inReadOnly(client, bounds, () => readFinding(client, finding, CATALOGUE_SAMPLE));
  } catch (error) {
    throw queryError(error, bounds.timeoutMs);
  }
}

/** What a check looks through; or, without a reference, why not. */
export async function referenceOf(
  client: pg.ClientBase,
  check: ScanCheck,
  bounds: QueryBounds,
): Promise<{ reference: Reference } | { skipped: string }> {
  if (check.kind === 'relation') return { reference: await resolveRelation(client, check.settings, bounds) };
  const { reference, skipped } = check.key;
  return reference ? { reference } : { skipped: skipped ?? 'it cannot be examined' };
}

/** How a run ends that got no answer. */
export function withoutAnswer(error: QueryError, durationMs: number): CheckResult {
  return { status: error.isFault ? 'failed' : 'skipped', reason: error.message, remedy: error.remedy, durationMs };
}
