import { auditListSchema, type AuditEntry } from '@clearway/contracts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { shortTime } from '../jobs/render.ts';
import { workerOf } from '../operations/client.ts';
import { safe, shorten } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';

const WIDEST_DETAILS = 80;

/** The options of `clearway audit`. */
export interface AuditOptions {
  readonly url: string;
  readonly subject?: string | undefined;
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly limit: string;
  readonly json?: true | undefined;
}

/** `clearway audit`. */
export async function listAudit(context: CliContext, { url, json, ...conditions }: AuditOptions): Promise<ExitCode> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(conditions)) if (value !== undefined) query.set(name, value);
  const page = await workerOf(context, url).get(`/api/audit?${query.toString()}`, auditListSchema);
  if (!page) throw new Error('the worker keeps no audit: is it of this version?');
  const { entries, nextCursor } = page;
  if (json) context.out(JSON.stringify(entries, null, 2));
  else if (entries.length === 0) context.out('No such entries: nothing was changed, or it was more than a year ago.');
  else for (const line of linesOf(entries)) context.out(line);
  if (nextCursor !== undefined)
    context.error(`There are older ones: --until ${entries.at(-1)?.at}, or a higher --limit`);
  return EXIT.ok;
}

function linesOf(entries: readonly AuditEntry[]): string[] {
  const columns = ['WHEN', 'WHO', 'ACTION', 'SUBJECT', 'WHY', 'DETAILS'].map((title) => ({ title }));
  const rows = entries.map(({ at, actor, action, subject, reason, details }) => [
    shortTime(at),
    safe(actor),
    action,
    safe(subject),
    safe(reason ?? ''),
    details == null ? '' : shorten(safe(JSON.stringify(details)), WIDEST_DETAILS),
  ]);
  return table(columns, rows);
}
