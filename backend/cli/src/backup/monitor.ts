import type { BackupCheckStatus, BackupStanding } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import type { Finish } from '../program.ts';
import { safe } from '../terminal/style.ts';
import { act } from './act.ts';
import type { BackupCommand } from './command.ts';
import { configuredBackups } from './configured.ts';
import { tellNotices } from './notices.ts';
import { jsonOption, onlyOfOption } from './options.ts';

const EXAMPLES = `
The databases are not asked, only the storages: it works while they are down. What cannot be answered is skipped, with the
reason, and never counts as well.

Examples
  clearway backup monitor
  clearway backup monitor --database tracks --json | jq -r '.databases[].checks[] | select(.status != "ok")'
  clearway backup monitor --notify          also tells Slack, a webhook or mailboxes when something is not well

Exit status
  0   everything that could be answered is well
  1   a warning
  2   something is critical
  3   nothing could be answered
`;

/** As monitoring systems have it. */
const EXIT_OF: Record<BackupCheckStatus, number> = { ok: 0, warning: 1, critical: 2, skipped: 3 };
const ORDER: readonly BackupCheckStatus[] = ['critical', 'warning', 'skipped', 'ok'];

/** Adds `clearway backup monitor`. */
export function addMonitorCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('monitor')
    .summary('say how the backups stand')
    .description(
      'Looks at the backups of every database that clearway.yaml names, and says what is not well with them.',
    )
    .addOption(onlyOfOption)
    .option('--notify', 'tell the channels of the notices when something is not well')
    .addOption(jsonOption)
    .addHelpText('after', EXAMPLES)
    .action(async (options) => {
      const asJson = options.json === true;
      const code = await act(context, asJson, async () => {
        const { monitorBackups } = await import('@clearway/backups');
        const { backups, databases } = await configuredBackups(context, options.database);
        const { workDirectory } = backups;
        const nowMs = context.clock.nowMs();
        const standings = await Promise.all(databases.map((each) => monitorBackups(each, { workDirectory, nowMs })));
        const status = ORDER.find((one) => standings.some((standing) => standing.status === one)) ?? 'skipped';
        if (asJson) context.out(JSON.stringify({ status, databases: standings.map(documentOf) }, null, 2));
        else for (const standing of standings) render(standing, context);
        if (options.notify) for (const standing of standings) await notify(standing, context);
        return EXIT_OF[status];
      });
      finish(code);
    });
}

const documentOf = ({ facts: _, ...standing }: BackupStanding) => standing;

const COLOURS = { ok: 'green', warning: 'yellow', critical: 'red', skipped: 'grey' } as const;

function render({ database, status, checks }: BackupStanding, context: CliContext): void {
  const { style } = context;
  context.out(`${style(COLOURS[status], status)}  ${style('bold', database)}`);
  for (const check of checks) {
    const shown = style(COLOURS[check.status], check.status.padEnd(8));
    context.out(`  ${shown}  ${check.id.replace('_', ' ').padEnd(12)}  ${safe(check.message)}`);
  }
}

async function notify(standing: BackupStanding, context: CliContext): Promise<void> {
  const { isBad, unwellEvent } = await import('@clearway/backups');
  const bad = standing.checks.filter(isBad);
  if (bad.length > 0) await tellNotices(context, unwellEvent(standing, bad));
}
