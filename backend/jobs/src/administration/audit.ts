import type { AuditEntry, AuditQuery } from '@clearway/contracts';
import type { Sql } from '../queue/connections.ts';
import { cursorOf, readCursor } from './cursor.ts';

/** Who changes something, and why. */
export interface Change {
  readonly actor: string;
  readonly reason: string;
}

/**
 * Writes down a change, in its own transaction.
 *
 * @param action such as `job.pause`
 * @param subject such as `job:render-cover`
 */
export async function audit(
  sql: Sql,
  { actor, reason }: Change,
  action: string,
  subject: string,
  details?: Readonly<Record<string, unknown>>,
): Promise<void> {
  await sql.query('INSERT INTO audit_log (actor, action, subject, reason, details) VALUES ($1, $2, $3, $4, $5)', [
    actor,
    action,
    subject,
    reason,
    details ? JSON.stringify(details) : null,
  ]);
}

/**
 * A page of the audit, newest first.
 *
 * @throws {InvalidCursor} when the cursor is not one that a page gave
 */
export async function listAudit(
  sql: Sql,
  { subject, actor, action, since, until, limit, cursor }: AuditQuery,
): Promise<{ entries: AuditEntry[]; nextCursor?: string }> {
  const [at, id] = cursor === undefined ? [null, null] : readCursor(cursor, ['time', 'uuid']);
  const { rows } = await sql.query<Omit<AuditEntry, 'at'> & { at: Date }>(
    `SELECT id, at, actor, action, subject, reason, details FROM audit_log
     WHERE ($1::text IS NULL OR subject = $1) AND ($2::timestamptz IS NULL OR (at, id) < ($2, $3::uuid))
       AND ($5::text IS NULL OR strpos(lower(actor), lower($5)) > 0)
       AND ($6::text IS NULL OR action = $6 OR starts_with(action, $6 || '.'))
       AND ($7::timestamptz IS NULL OR at >= $7) AND ($8::timestamptz IS NULL OR at < $8)
     ORDER BY at DESC, id DESC LIMIT $4`,
    [subject ?? null, at, id, limit + 1, actor ?? null, action ?? null, since ?? null, until ?? null],
  );
  const entries = rows.slice(0, limit).map((row) => ({ ...row, at: row.at.toISOString() }));
  const last = entries.at(-1);
  return { entries, ...(rows.length > limit && last && { nextCursor: cursorOf(last.at, last.id) }) };
}
