import {
  dataMigrationListSchema,
  dataMigrationReportSchema,
  dataMigrationViewSchema,
  type DataMigrationView,
} from '@clearway/contracts';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError, type ExitCode } from '../exit-codes.ts';
import { duration } from '../jobs/render.ts';
import { workerOf } from '../operations/client.ts';
import { safe, type Style } from '../terminal/style.ts';
import { table, type Column } from '../terminal/table.ts';
import { shortTime } from './times.ts';

interface AskOptions {
  readonly url: string;
  readonly json?: true | undefined;
}

const COLUMNS: readonly Column[] = [
  { title: 'MIGRATION' },
  { title: 'DATABASE' },
  { title: 'PHASE' },
  { title: 'STATUS' },
  { title: 'DONE', align: 'right' },
  { title: 'ERRORS', align: 'right' },
  { title: 'RATE', align: 'right' },
  { title: 'LEFT', align: 'right' },
  { title: 'COMPARED' },
];
const PHASES = ['baseline', 'active', 'validation', 'steady'];
/** Statuses in which a person has to look. */
const TROUBLE: readonly DataMigrationView['status'][] = ['stalled', 'unknown'];

/** `clearway database migrations list`: ends with 1 when one is stalled, unknown, has errors or made something worse. */
export async function listMigrations(context: CliContext, { url, json }: AskOptions): Promise<ExitCode> {
  const list = await workerOf(context, url).get('/api/database/migrations', dataMigrationListSchema);
  const migrations = list?.migrations ?? [];
  if (json) context.out(JSON.stringify({ migrations }, null, 2));
  else if (migrations.length === 0)
    context.out('No data migration is declared: add one to migrations in clearway.yaml.');
  else
    for (const line of table(
      COLUMNS,
      migrations.map((one) => row(one, context.style)),
    ))
      context.out(line);
  return migrations.some(isTrouble) ? EXIT.problem : EXIT.ok;
}

function isTrouble({ status, errors, verdict }: DataMigrationView): boolean {
  return TROUBLE.includes(status) || (errors ?? 0) > 0 || verdict === 'worse';
}

function row(one: DataMigrationView, style: Style): string[] {
  return [
    one.name,
    one.database,
    one.phase,
    style(TROUBLE.includes(one.status) ? 'red' : 'green', one.status),
    progressOf(one),
    one.errors === null ? '' : style(one.errors > 0 ? 'red' : 'green', String(one.errors)),
    one.ratePerMinute === null ? '' : `${Math.round(one.ratePerMinute)}/min`,
    one.secondsLeft === null || one.phase !== 'active' ? '' : duration(one.secondsLeft * 1000),
    verdictOf(one, style),
  ];
}

function progressOf({ done, total, percent }: DataMigrationView): string {
  return done === null || total === null ? 'unknown' : `${done} of ${total} (${Math.floor(percent ?? 0)} %)`;
}

function verdictOf({ verdict }: DataMigrationView, style: Style): string {
  return style(verdict === 'worse' ? 'red' : verdict === 'unknown' ? 'yellow' : 'green', verdict);
}

/** `clearway database migrations show`. */
export async function showMigration(context: CliContext, name: string, { url, json }: AskOptions): Promise<ExitCode> {
  const path = `/api/database/migrations/${encodeURIComponent(name)}`;
  const report = await workerOf(context, url).get(path, dataMigrationReportSchema);
  if (!report) {
    context.error(`There is no data migration ${name}; see clearway database migrations.`);
    return EXIT.problem;
  }
  if (json) context.out(JSON.stringify(report, null, 2));
  else for (const line of migrationLines(report.migration, context.style)) context.out(line);
  return isTrouble(report.migration) ? EXIT.problem : EXIT.ok;
}

function migrationLines(one: DataMigrationView, style: Style): string[] {
  const rate = one.ratePerMinute === null ? [] : [`${Math.round(one.ratePerMinute)} a minute`];
  const left = one.secondsLeft === null || one.phase !== 'active' ? [] : [`${duration(one.secondsLeft * 1000)} left`];
  return [
    `${one.name}: ${one.phase} since ${shortTime(one.phaseSince) || 'the first sample'}, ${one.status}`,
    safe(one.title),
    [progressOf(one), `${one.errors ?? 'unknown'} errors`, ...rate, ...left].join(', '),
    ...(one.problem === null ? [] : [style('red', safe(one.problem)), `→ ${safe(one.remedy ?? '')}`]),
    ...one.waitsFor.map((what) => `waits: ${safe(what)}`),
    `started ${shortTime(one.startedAt) || 'not yet'}, last progress ${shortTime(one.lastProgressAt) || 'never'}`,
    ...(one.runbook === null ? [] : [`runbook: ${safe(one.runbook)}`]),
    '',
    `Compared with the baseline: ${verdictOf(one, style)}`,
    ...one.metrics.map(({ words }) => `  ${safe(words)}`),
  ];
}

/** `clearway database migrations sample`. */
export async function sampleMigration(context: CliContext, name: string, { url, json }: AskOptions): Promise<ExitCode> {
  const path = `/api/database/migrations/${encodeURIComponent(name)}/sample`;
  const view = await workerOf(context, url).post(path, {}, dataMigrationViewSchema);
  if (json) context.out(JSON.stringify(view, null, 2));
  else for (const line of migrationLines(view, context.style)) context.out(line);
  return isTrouble(view) ? EXIT.problem : EXIT.ok;
}

/** `clearway database migrations phase`. */
export async function setPhase(
  context: CliContext,
  name: string,
  phase: string,
  { url, json, reason }: AskOptions & { readonly reason: string },
): Promise<ExitCode> {
  if (!PHASES.includes(phase)) throw new UsageError(`'${phase}' is no phase: ${PHASES.join(', ')}`);
  const path = `/api/database/migrations/${encodeURIComponent(name)}/phase`;
  const view = await workerOf(context, url).post(path, { phase, reason }, dataMigrationViewSchema);
  context.out(json ? JSON.stringify(view, null, 2) : `${view.name}: ${view.phase}`);
  return EXIT.ok;
}
