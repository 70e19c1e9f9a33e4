import type { BackedUpDatabase, BackupEvent, BackupFailure, Backups, RoutineOptions } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { safe } from '../terminal/style.ts';
import { act, printFailure, type Acting } from './act.ts';
import type { BackupCommand } from './command.ts';
import { configuredBackups } from './configured.ts';
import { oneOf } from './create.ts';
import { failureDocument } from './document.ts';
import { tellNotices } from './notices.ts';
import { jsonOption } from './options.ts';

const EXAMPLES = `
For cron, systemd and other schedulers where no worker runs: does by the rules of clearway.yaml what the worker's schedule
does, and tells SLACK_WEBHOOK_URL, NOTICE_WEBHOOK_URL or ALERT_EMAIL_RECIPIENTS what came of it. What another process is at
already is left to it, with exit status 14 and without a notice.

Examples
  clearway backup run create
  clearway backup run prove --database tracks
  clearway backup run drill --json
  clearway backup run notice                 tells the channels a test, and nothing else
`;

const WORK = ['create', 'prove', 'drill', 'prune', 'notice'] as const;

/** Adds `clearway backup run`. */
export function addRunCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('run')
    .summary('do what the schedule does, and tell what came of it')
    .description('Makes, proves, rehearses or prunes the backups of every database as clearway.yaml says, unattended.')
    .argument('<work>', 'create, prove, drill, prune, or notice for a test of the notices')
    .option('-d, --database <name>', 'only of one database')
    .addOption(jsonOption)
    .addHelpText('after', EXAMPLES)
    .action(async (work, options) => {
      const kind = oneOf('<work>', work, WORK) ?? 'create';
      const asJson = options.json === true;
      const code = await act(context, asJson, async (acting) => {
        if (kind === 'notice') return testNotices(context);
        const { backups, databases } = await configuredBackups(context, options.database);
        const results: Result[] = [];
        for (const database of databases) results.push(await runOne(kind, database, backups, { context, acting }));
        context.progress?.('');
        if (asJson) context.out(JSON.stringify({ work: kind, databases: results.map(documentOf) }, null, 2));
        else for (const result of results) render(result, context);
        return results.find(({ failure }) => failure)?.failure?.exitCode ?? EXIT.ok;
      });
      finish(code);
    });
}

interface Result {
  readonly database: string;
  readonly events: readonly BackupEvent[];
  readonly failure: BackupFailure | undefined;
}

async function runOne(
  kind: Exclude<(typeof WORK)[number], 'notice'>,
  database: BackedUpDatabase,
  { workDirectory }: Backups,
  { context, acting }: { readonly context: CliContext; readonly acting: Acting },
): Promise<Result> {
  const { asBackupFailure } = await import('@clearway/backups');
  const events: BackupEvent[] = [];
  const telling: Promise<unknown>[] = [];
  const options: RoutineOptions = {
    clock: context.clock,
    tell(event) {
      events.push(event);
      telling.push(tellNotices(context, event));
    },
    isTold: ({ reason }) => reason !== 'locked',
    ...acting,
  };
  let failure: BackupFailure | undefined;
  try {
    failure = await doWork(kind, database, workDirectory, options);
  } catch (error) {
    failure = asBackupFailure(error, 'dump-failed');
  }
  await Promise.all(telling);
  if (failure?.reason === 'interrupted') throw failure;
  return { database: database.id, events, failure };
}

async function doWork(
  kind: Exclude<(typeof WORK)[number], 'notice'>,
  database: BackedUpDatabase,
  workDirectory: string,
  options: RoutineOptions,
): Promise<BackupFailure | undefined> {
  const { drillDatabase, makeBackup, proveNewest, pruneDatabase, pruneFailures } = await import('@clearway/backups');
  if (kind === 'create') {
    // a storage that got no copy is a failure to whoever watches the exit status
    return (await makeBackup(database, options)).copies.find(({ failure }) => failure)?.failure;
  }
  if (kind === 'prove') return (await proveNewest(database, options)).find(({ failure }) => failure)?.failure;
  if (kind === 'drill') {
    return (await drillDatabase(database, workDirectory, options)).find(({ failure }) => failure)?.failure;
  }
  return pruneFailures(await pruneDatabase(database, workDirectory, options))[0];
}

const documentOf = ({ database, events, failure }: Result) => ({
  database,
  status: failure ? 'failed' : 'done',
  events,
  failure: failure ? failureDocument(failure) : null,
});

function render({ database, events, failure }: Result, context: CliContext): void {
  const mark = failure ? context.style('red', 'failed') : context.style('green', 'done');
  context.out(`${mark}  ${database}`);
  for (const { message } of events) context.out(`  ${safe(message)}`);
  if (failure) printFailure(failure, false, context);
}

async function testNotices(context: CliContext): Promise<ExitCode> {
  const { openNotices } = await import('@clearway/backups');
  const { channels } = openNotices(context.variables);
  if (channels.length === 0) {
    context.error('error: no channel is set: SLACK_WEBHOOK_URL, NOTICE_WEBHOOK_URL or ALERT_EMAIL_RECIPIENTS');
    return EXIT.configuration;
  }
  const event: BackupEvent = {
    type: 'backup.notice_test',
    at: new Date(context.clock.nowMs()).toISOString(),
    severity: 'info',
    database: 'no database',
    backupId: null,
    message: 'notices of backups reach you here',
    remedy: null,
    reason: null,
    facts: {},
  };
  const hasLeft = await tellNotices(context, event);
  if (hasLeft) context.out(`told ${channels.join(', ')}`);
  return hasLeft ? EXIT.ok : EXIT.problem;
}
