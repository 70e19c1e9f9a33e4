import { databaseListSchema, type DatabaseCheck, type DatabaseSummary } from '@clearway/contracts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { workerOf } from '../operations/client.ts';
import { safe } from '../terminal/style.ts';

const COLOURS = { ok: 'green', warning: 'yellow', critical: 'red', unknown: 'yellow' } as const;
/** How a check begins that nobody could answer: as often as there are checks it is said once. */
const NO_ANSWER = 'the database does not answer';
const QUIET: readonly DatabaseCheck['status'][] = ['ok', 'not_watched'];

/** `clearway database status`: ends with 1 when a database is not well, or when nothing is known of it. */
export async function showStatus(
  context: CliContext,
  database: string | undefined,
  options: { readonly url: string; readonly all?: true | undefined; readonly json?: true | undefined },
): Promise<ExitCode> {
  const list = await workerOf(context, options.url).get('/api/database', databaseListSchema);
  const found = (list?.databases ?? []).filter(({ id }) => database === undefined || id === database);
  if (options.json) context.out(JSON.stringify({ ...list, databases: found }, null, 2));
  else for (const summary of found) print(context, summary, options.all === true);
  if (found.length === 0) context.error(`There is no database ${database ?? ''}: see databases in clearway.yaml.`);
  return found.length > 0 && found.every(({ status }) => status === 'ok') ? EXIT.ok : EXIT.problem;
}

function print(context: CliContext, summary: DatabaseSummary, isAll: boolean): void {
  const { id, status, server, checks, capabilities, quickPass } = summary;
  const about = server ? `PostgreSQL ${server.version}, database ${server.database}` : 'has not answered yet';
  const when = quickPass ? `, asked ${quickPass.at.slice(11, 19)}` : '';
  context.out(`${context.style(COLOURS[status], status.padEnd(8))}  ${id}  ${safe(about)}${when}`);
  const shown = checks.filter((check) => isAll || !QUIET.includes(check.status) || check.pending !== undefined);
  const unanswered = shown.filter(({ status: found, message }) => found === 'skipped' && message.startsWith(NO_ANSWER));
  for (const check of shown) {
    if (!unanswered.includes(check)) printCheck(context, check);
  }
  if (unanswered.length > 0) {
    context.out(`  skipped     ${unanswered.map((check) => check.id).join(', ')}: ${NO_ANSWER}`);
  }
  for (const { available, capability, reason, remedy } of capabilities) {
    if (available) continue;
    context.out(`  hidden      ${capability.padEnd(20)} ${safe(reason ?? '')}`);
    if (remedy !== null) context.out(`  ${''.padEnd(32)} → ${safe(remedy)}`);
  }
}

function printCheck(context: CliContext, { status, id, message, pending, recommendation }: DatabaseCheck): void {
  const soon = pending ? `; ${pending.status} if it is still so at ${pending.countsFrom.slice(11, 19)}` : '';
  context.out(`  ${status.padEnd(11)} ${id.padEnd(20)} ${safe(message)}${soon}`);
  if (recommendation !== undefined) context.out(`  ${''.padEnd(32)} → ${safe(recommendation)}`);
}
