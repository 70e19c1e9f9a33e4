import type { DrillReport, TellBackupEvent } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { safe } from '../terminal/style.ts';
import { act, printFailure, type Acting } from './act.ts';
import type { BackupCommand } from './command.ts';
import { openPlaces } from './every-storage.ts';
import { notifyOption, telling } from './notices.ts';
import { dirOption, identityOption, jsonOption, scratchServerOption, waitForProofOption } from './options.ts';
import { identitiesToUse, verifyServerToUse } from './setup.ts';
import { ageText, contentText, durationText, secondsOf } from './sizes.ts';

const EXAMPLES = `
A report of it is kept in the folder drills of the directory of the backups.

Examples
  clearway backup drill --objective 30m
  clearway backup drill --database tracks --identity key.txt --json | jq '{outcome, restoreSeconds}'
  clearway backup drill --database tracks --storage all       from each storage alone, one after the other
  clearway backup drill --server env:DRILL_SERVER_URL         on the machine that would take over
`;

/** Adds `clearway backup drill`. */
export function addDrillCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('drill')
    .summary('rehearse the loss of a database')
    .description(
      'Rehearses the loss of a database: from the storage alone, finds the newest backup, tries the key, restores it into a' +
        ' scratch server, compares every table, and holds the time against the objective.',
    )
    .option('-d, --database <name>', 'name of the database; any otherwise')
    .option('--objective <duration>', 'how long the restore may take, such as 90s, 30m or 2h')
    .addOption(scratchServerOption)
    .addOption(identityOption)
    .option('--storage <id>', 'a storage of clearway.yaml, local, or all: from each storage in turn')
    .addOption(waitForProofOption)
    .addOption(dirOption)
    .addOption(notifyOption)
    .addOption(jsonOption)
    .addHelpText('after', EXAMPLES)
    .action(async (options) => {
      const asJson = options.json === true;
      const waitSeconds = options.wait === undefined ? 0 : secondsOf(options.wait);
      const work = async (acting: Acting, tell: TellBackupEvent): Promise<ExitCode> => {
        const { drillEvent, runDrill, writeDrillReport } = await import('@clearway/backups');
        const objectiveSeconds = options.objective === undefined ? undefined : secondsOf(options.objective);
        const verifyServer = await verifyServerToUse(context, options.server);
        const opened = await openPlaces(context, { ...options, verifyServer });
        const { engine, places, isAll, directory, entry, databaseName } = opened;
        const documents: object[] = [];
        let code: ExitCode = EXIT.ok;
        for (const storage of places) {
          const drilled = await runDrill({
            engine,
            storage,
            clock: context.clock,
            database: databaseName,
            objectiveSeconds: objectiveSeconds ?? entry?.policy.restoreObjectiveSeconds,
            identities: () => identitiesToUse(context, options.identity),
            ...acting,
          });
          const { report, failure } = drilled;
          tell(drillEvent(entry?.id ?? report.database ?? 'clearway', drilled, context.clock.nowMs()));
          const file = await writeDrillReport(directory, report);
          documents.push({ ...report, file });
          if (!asJson && isAll) context.out(`${storage.id}:`);
          if (!asJson) render(report, file, context);
          if (failure) printFailure(failure, false, context);
          if (failure && code === EXIT.ok) code = failure.exitCode;
        }
        if (asJson) context.out(JSON.stringify(isAll ? { drills: documents } : documents[0], null, 2));
        return code;
      };
      const { notify, database } = options;
      const told = telling(context, { notify, database, failed: 'backup.drill_failed' }, work);
      finish(await act(context, asJson, told, waitSeconds));
    });
}

const COLOURS = { passed: 'green', failed: 'red', skipped: 'grey' } as const;

function render(report: DrillReport, file: string, context: CliContext): void {
  context.progress?.('');
  for (const { name, status, message } of report.steps)
    context.out(`${context.style(COLOURS[status], status.padEnd(7))}  ${name.padEnd(7)}  ${safe(message)}`);
  context.out('');
  const { outcome, id, backupAgeSeconds, completedAt, startedAt } = report;
  const took = durationText((Date.parse(completedAt) - Date.parse(startedAt)) / 1000);
  context.out(`${context.style(COLOURS[outcome], outcome)}  ${id} in ${took}`);
  if (backupAgeSeconds !== null && report.rows !== null) {
    const age = ageText(
      new Date(Date.parse(completedAt) - backupAgeSeconds * 1000).toISOString(),
      Date.parse(completedAt),
    );
    context.out(`what would have come back: ${contentText(report)}, as they were ${age}`);
  }
  context.out(`report: ${file}`);
}
