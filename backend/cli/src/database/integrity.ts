import {
  integrityListSchema,
  integrityReportSchema,
  type IntegrityCheck,
  type IntegrityList,
} from '@clearway/contracts';
import { z } from 'zod';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { workerOf } from '../operations/client.ts';
import { count, safe, shorten, type Style } from '../terminal/style.ts';
import { table, type Column } from '../terminal/table.ts';
import { shortTime } from './times.ts';

interface AskOptions {
  readonly url: string;
  readonly json?: true | undefined;
}

const COLUMNS: readonly Column[] = [
  { title: 'DATABASE' },
  { title: 'CHECK' },
  { title: 'STATUS' },
  { title: 'FOUND', align: 'right' },
  { title: 'TREND' },
  { title: 'LAST RUN' },
  { title: 'WHAT' },
];
const WIDEST_TITLE = 60;
const SHOWN_HISTORY = 10;

/** `clearway database integrity list`: ends with 1 when a check is violated. */
export async function listIntegrity(
  context: CliContext,
  { url, json, database, status }: AskOptions & { database?: string | undefined; status?: string | undefined },
): Promise<ExitCode> {
  const query = new URLSearchParams({
    ...(database !== undefined && { database }),
    ...(status !== undefined && { status }),
  });
  const list = await workerOf(context, url).get(`/api/database/integrity?${query.toString()}`, integrityListSchema);
  if (!list) return unknown(context, `database ${database ?? ''}`);
  if (json) context.out(JSON.stringify(list, null, 2));
  else printList(context, list);
  return list.databases.some(({ violated }) => violated > 0) ? EXIT.problem : EXIT.ok;
}

function printList(context: CliContext, { checks, databases, total }: IntegrityList): void {
  if (checks.length > 0) {
    const rows = checks.map((check) => row(check, context.style));
    for (const line of table(COLUMNS, rows)) context.out(line);
    context.out('');
  }
  if (total > checks.length) context.out(`${total - checks.length} more: see --database and --status.`);
  for (const one of databases) {
    const unanswered = one.unknown > 0 ? `, ${one.unknown} without an answer` : '';
    context.out(`${one.database}: ${count(one.checks, 'check')}, ${one.violated} violated${unanswered}`);
    if (one.problem !== null) context.out(context.style('red', `  ${safe(one.problem)}`));
  }
  if (databases.length === 0) context.out('No database is looked at: add one to databases in clearway.yaml.');
}

function row(check: IntegrityCheck, style: Style): string[] {
  const running = check.scan ? ` (${progress(check)})` : '';
  return [
    check.database,
    check.id,
    coloured(check, style) + running,
    found(check),
    check.trend === 'none' ? '' : check.trend,
    shortTime(check.lastRunAt),
    shorten(safe(check.title), WIDEST_TITLE),
  ];
}

function coloured({ status }: IntegrityCheck, style: Style): string {
  const colour = status === 'ok' ? 'green' : status === 'violated' || status === 'failed' ? 'red' : 'yellow';
  return style(colour, status);
}

function found({ kind, value, violations, isBound }: IntegrityCheck): string {
  if (kind === 'count') return value === null ? '' : String(value);
  return `${isBound ? '≥ ' : ''}${violations}`;
}

function progress({ scan }: IntegrityCheck): string {
  if (!scan) return '';
  if (scan.estimatedRows === null || scan.estimatedRows === 0) return `${scan.scannedRows} rows`;
  return `${Math.min(99, Math.floor((100 * scan.scannedRows) / scan.estimatedRows))} %`;
}

/** `clearway database integrity show`. */
export async function showIntegrity(
  context: CliContext,
  database: string,
  check: string,
  { url, json }: AskOptions,
): Promise<ExitCode> {
  const path = `/api/database/integrity/${encodeURIComponent(database)}/${encodeURIComponent(check)}`;
  const report = await workerOf(context, url).get(path, integrityReportSchema);
  if (!report) return unknown(context, `check ${check} of ${database}`);
  if (json) context.out(JSON.stringify(report, null, 2));
  else {
    for (const line of checkLines(report.check, context.style)) context.out(line);
    const history = report.history.slice(0, SHOWN_HISTORY);
    const columns = [{ title: 'WHEN' }, { title: 'STATUS' }, { title: 'FOUND', align: 'right' as const }];
    const rows = history.map(({ at, status, violations, value }) => [
      shortTime(at),
      status,
      String(value ?? violations),
    ]);
    if (rows.length > 0) for (const line of ['', ...table(columns, rows)]) context.out(line);
  }
  return report.check.status === 'violated' ? EXIT.problem : EXIT.ok;
}

function checkLines(check: IntegrityCheck, style: Style): string[] {
  const { database, id, title, severity, reason, remedy, sample, notes, runbook } = check;
  return [
    `${database} ${id}: ${coloured(check, style)}, ${found(check)} found`,
    safe(title),
    ...(check.firstSeenAt === null ? [] : [`violated since ${shortTime(check.firstSeenAt)}, ${severity}`]),
    ...(reason === null ? [] : [safe(reason)]),
    ...(remedy === null ? [] : [`→ ${safe(remedy)}`]),
    ...notes.map((note) => style('yellow', safe(note))),
    ...(check.scan ? [`looking through the table: ${progress(check)}, ${check.scan.violations} found so far`] : []),
    `last run ${shortTime(check.lastRunAt) || 'never'}, next ${shortTime(check.nextRunAt) || 'now'} (${check.schedule})`,
    ...(runbook === null ? [] : [`runbook: ${safe(runbook)}`]),
    ...(sample.length === 0 ? [] : ['', 'Some of the rows:']),
    ...sample.map(
      (key) =>
        `  ${Object.entries(key)
          .map(([name, value]) => `${safe(name)} = ${safe(value ?? 'NULL')}`)
          .join(', ')}`,
    ),
  ];
}

const requestedSchema = z.object({ requested: z.array(z.string()) });

/** `clearway database integrity run`. */
export async function runIntegrity(
  context: CliContext,
  database: string,
  checks: readonly string[],
  { url, json, reason }: AskOptions & { readonly reason: string },
): Promise<ExitCode> {
  const path = `/api/database/integrity/${encodeURIComponent(database)}/run`;
  const body = { reason, ...(checks.length > 0 && { checks }) };
  const answer = await workerOf(context, url).post(path, body, requestedSchema);
  if (json) context.out(JSON.stringify(answer, null, 2));
  else context.out(`${count(answer.requested.length, 'check')} of ${database} will run in the next pass.`);
  return EXIT.ok;
}

function unknown(context: CliContext, what: string): ExitCode {
  context.error(`There is no ${what}; see clearway database integrity.`);
  return EXIT.problem;
}
