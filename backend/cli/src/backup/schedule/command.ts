import type { CliContext } from '../../context.ts';
import { EXIT, UsageError } from '../../exit-codes.ts';
import type { Finish } from '../../program.ts';
import { act } from '../act.ts';
import type { BackupCommand } from '../command.ts';
import { configuredBackups } from '../configured.ts';
import { cronScheduler } from './cron.ts';
import { assertInstallation, plannedRuns, type PlannedRun } from './plan.ts';
import type { Scheduler } from './scheduler.ts';
import { isRoot, systemdScheduler } from './systemd.ts';
import { unseenVariables } from './unseen-variables.ts';
import { jsonOption } from '../options.ts';

const EXAMPLES = `
For machines where no worker runs, which follows the same schedules by itself: what cron or systemd is given is
'clearway backup run', for each database of clearway.yaml. cron goes by the time zone of the machine, systemd by UTC.

Examples
  clearway backup schedule install cron --dry-run
  clearway backup schedule install systemd --environment production     with the variables of .env.production
  clearway backup schedule status cron
  clearway backup schedule remove systemd --environment production

Exit status of status
  0   installed, and what would be written now
  1   not installed, or outdated
`;

interface ScheduleOptions {
  readonly environment?: string | undefined;
  readonly units?: string | undefined;
  readonly json?: true | undefined;
}

/** Adds `clearway backup schedule` and its commands. */
export function addScheduleCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  const schedule = backup
    .command('schedule')
    .summary('have cron or systemd make the backups')
    .description('Installs, removes or shows the schedule of the backups with cron or systemd.')
    .addHelpText('after', EXAMPLES);
  const command = (name: string, summary: string) =>
    schedule
      .command(name)
      .summary(summary)
      .argument('<scheduler>', 'cron or systemd')
      .option('-e, --environment <name>', 'an environment whose variables stand in .env.NAME')
      .option('--units <directory>', 'write units of systemd there, and tell systemd nothing')
      .addOption(jsonOption);
  const run = async (
    kind: string,
    options: ScheduleOptions,
    work: (scheduler: Scheduler, planned: () => Promise<readonly PlannedRun[]>) => Promise<number>,
  ): Promise<void> =>
    finish(
      await act(context, options.json === true, async () => {
        const installation = { directory: context.directory, environment: options.environment };
        assertInstallation(installation);
        const planned = async () => plannedRuns((await configuredBackups(context)).databases, installation);
        return work(schedulerOf(kind, context, options), planned);
      }),
    );
  const say = (options: ScheduleOptions, status: string, scheduler: Scheduler, runs: readonly PlannedRun[]): void => {
    if (options.json) return context.out(JSON.stringify({ scheduler: scheduler.kind, status, runs }, null, 2));
    context.out(`${status}  ${scheduler.kind}`);
    for (const { cron, description } of runs) context.out(`  ${cron.padEnd(16)}  ${description}`);
  };

  const warn = (kind: string, { environment, units }: ScheduleOptions): void => {
    const unseen = unseenVariables(context, { directory: context.directory, environment });
    const file = environment === undefined ? '.env' : `.env.${environment}`;
    if (unseen.length > 0)
      context.error(`warning: ${kind} does not see ${unseen.join(', ')} of this shell: write them into ${file}`);
    if (kind === 'systemd' && units === undefined && !isRoot())
      context.error('warning: timers of an account end with its last session, unless: loginctl enable-linger');
  };

  command('install', 'install the schedule, or bring it up to date')
    .option('--dry-run', 'show what would be written, and write nothing')
    .action((kind, options) =>
      run(kind, options, async (scheduler, planned) => {
        const runs = await planned();
        if (options.dryRun) {
          const parts = scheduler.show(runs);
          if (options.json)
            context.out(JSON.stringify({ scheduler: scheduler.kind, status: 'shown', runs, parts }, null, 2));
          else for (const { place, text } of parts) context.out(`# ${place}\n${text}`);
          return EXIT.ok;
        }
        const hasChanged = await scheduler.install(runs);
        say(options, hasChanged ? 'installed' : 'unchanged', scheduler, runs);
        warn(kind, options);
        return EXIT.ok;
      }),
    );
  command('remove', 'remove the schedule').action((kind, options) =>
    run(kind, options, async (scheduler) => {
      say(options, (await scheduler.remove()) ? 'removed' : 'absent', scheduler, []);
      return EXIT.ok;
    }),
  );
  command('status', 'say whether the schedule is installed').action((kind, options) =>
    run(kind, options, async (scheduler, planned) => {
      const runs = await planned();
      const status = await scheduler.status(runs);
      say(options, status, scheduler, runs);
      return status === 'installed' ? EXIT.ok : EXIT.problem;
    }),
  );
}

function schedulerOf(kind: string, context: CliContext, { environment, units }: ScheduleOptions): Scheduler {
  const installation = { directory: context.directory, environment };
  if (kind === 'cron') return cronScheduler(context, installation);
  if (kind === 'systemd') return systemdScheduler(context, installation, units);
  throw new UsageError(`there is no scheduler ${kind}: name cron or systemd`);
}
