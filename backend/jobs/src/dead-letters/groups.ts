import type { DeadLetterGroup, DeadLetterStatus } from '@clearway/contracts';
import { cursorOf, readCursor } from '../administration/cursor.ts';
import type { Sql } from '../queue/connections.ts';

/** Which groups, and how many of them. */
export interface GroupSearch {
  readonly jobId?: string | undefined;
  /** Groups that have letters of this status. */
  readonly status?: DeadLetterStatus | undefined;
  readonly discarded?: 'exclude' | 'include' | 'only' | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

const HAS: Readonly<Record<DeadLetterStatus, string>> = {
  PENDING: 'pending > 0',
  PROCESSING: 'processing > 0',
  SUCCEEDED: 'succeeded > 0',
  FAILED: 'failed > 0',
};

const DISCARDED = {
  exclude: ['pending + processing + succeeded + failed > 0', 'letter.discarded_at IS NULL'],
  only: ['discarded > 0', 'letter.discarded_at IS NOT NULL'],
  include: ['true', 'true'],
} as const;

/**
 * A page of groups: dead letters that share a failure signature, with a sample; the one that was seen last comes first.
 * The counts are kept where letters change, so that a page costs the same for ten letters and for a million.
 *
 * @throws {InvalidCursor} when the cursor is not one that a page gave
 */
export async function listDeadLetterGroups(
  sql: Sql,
  { jobId, status, discarded = 'exclude', limit, cursor }: GroupSearch,
): Promise<{ groups: (DeadLetterGroup & { readonly error?: string })[]; nextCursor?: string }> {
  const [isMeant, isSample] = DISCARDED[discarded];
  const [seenAt, signature] = cursor === undefined ? [null, null] : readCursor(cursor, ['time', 'text']);
  const { rows } = await sql.query<GroupRow>(
    `WITH page AS (
       SELECT * FROM dead_letter_groups
       WHERE ${isMeant} AND ${status === undefined ? 'true' : HAS[status]} AND ($1::text IS NULL OR job_id = $1)
         AND ($2::timestamptz IS NULL OR (last_seen_at, signature) < ($2, $3::text))
       ORDER BY last_seen_at DESC, signature DESC LIMIT $4
     )
     SELECT page.*, sample.id AS sample_id, sample.error_name, sample.error
     FROM page LEFT JOIN LATERAL (
       SELECT id, error_name, left(error, 500) AS error FROM dead_letter_queue letter
       WHERE letter.signature = page.signature AND ${isSample} ORDER BY created_at DESC, id DESC LIMIT 1
     ) AS sample ON true
     ORDER BY last_seen_at DESC, signature DESC`,
    [jobId ?? null, seenAt, signature, limit + 1],
  );
  const groups = rows.slice(0, limit).map(groupOf);
  const last = groups.at(-1);
  return { groups, ...(rows.length > limit && last && { nextCursor: cursorOf(last.lastSeenAt, last.signature) }) };
}

interface GroupRow {
  readonly signature: string;
  readonly job_id: string;
  readonly pending: number;
  readonly processing: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly discarded: number;
  readonly first_seen_at: Date;
  readonly last_seen_at: Date;
  readonly sample_id: string | null;
  readonly error_name: string | null;
  readonly error: string | null;
}

function groupOf(row: GroupRow): DeadLetterGroup {
  const { pending, processing, succeeded, failed, discarded } = row;
  return {
    signature: row.signature,
    jobId: row.job_id,
    errorName: row.error_name,
    ...(row.error !== null && { error: row.error }),
    sampleId: row.sample_id,
    counts: { pending, processing, succeeded, failed, discarded },
    firstSeenAt: row.first_seen_at.toISOString(),
    lastSeenAt: row.last_seen_at.toISOString(),
  };
}
