import type { BackupFailure, BackupStorage, PruneRequest, PruneResult, RetentionPolicy } from '@clearway/backups';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { DEFAULT_FILE, loadFile } from '../config-file.ts';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError, type ExitCode } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { act, printFailure } from './act.ts';
import type { BackupCommand } from './command.ts';
import { oneOf } from './create.ts';
import { jsonOption, onlyOfOption } from './options.ts';
import { prunedDocument, renderPruned } from './pruned.ts';
import { backupDirectory } from './setup.ts';

const EXAMPLES = `
A backup stays when any of the rules wants it. Only proven backups count, days are counted back from the newest proven
one, and the last exact one of a database in a storage always stays. Without options: the rules of clearway.yaml for the
databases that it names, RETENTION_DAYS or 30 days for others.

Examples
  clearway backup prune --dry-run                         what would go, and why
  clearway backup prune
  clearway backup prune --preset week
  clearway backup prune --database tracks --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --keep-yearly 3
  clearway backup prune --dry-run --json | jq -r '.storages[].databases[].backups[] | select(.action == "remove") | .id'
`;

/** Adds `clearway backup prune`. */
export function addPruneCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('prune')
    .summary('remove the backups that no rule keeps')
    .description('Removes the backups that no rule keeps, in each storage by what is proven there, and says why.')
    .addOption(onlyOfOption)
    .option('--preset <name>', 'month keeps 30 days, week keeps 7')
    .option('--keep-days <days>', 'proven ones of so many days')
    .option('--keep-count <number>', 'so many of the newest proven ones')
    .option('--keep-daily <number>', 'the last proven one of each of so many days')
    .option('--keep-weekly <number>', '... of so many weeks')
    .option('--keep-monthly <number>', '... of so many months')
    .option('--keep-yearly <number>', '... of so many years')
    .option('--keep-unproven <number>', 'so many of the newest that are not proven (default: 3)')
    .option('--dry-run', 'remove nothing')
    .option('--dir <directory>', 'only in this directory; the storages of clearway.yaml and BACKUP_DIR otherwise')
    .addOption(jsonOption)
    .addHelpText('after', EXAMPLES)
    .action(async (options) => {
      const asJson = options.json === true;
      const code = await act(context, asJson, async ({ signal }) => {
        const { pruneBackups } = await import('@clearway/backups');
        const isDryRun = options.dryRun === true;
        const results: PruneResult[] = [];
        for (const part of await whatToPrune(context, options, policyOf(options)))
          results.push(await pruneBackups({ ...part, clock: context.clock, isDryRun, signal }));
        context.progress?.('');
        if (asJson) context.out(JSON.stringify(prunedDocument(results, isDryRun), null, 2));
        else renderPruned(results, isDryRun, context);
        return codeOf(results, context);
      });
      finish(code);
    });
}

type Part = Pick<PruneRequest, 'storages' | 'policy' | 'database' | 'except' | 'workDirectory'>;

/** The databases that are configured by their rules and in their storages; the others where `local` is. */
async function whatToPrune(
  context: CliContext,
  { dir, database }: { readonly dir?: string | undefined; readonly database?: string | undefined },
  given: RetentionPolicy | undefined,
): Promise<Part[]> {
  const { directoryStorage } = await import('@clearway/backups');
  const directory = backupDirectory(context, dir);
  const usual = given ?? usualPolicy(context);
  const configured = dir === undefined ? await configuredParts(context, given) : [];
  const local: BackupStorage = directoryStorage(directory);
  const names = configured.flatMap((part) => part.database ?? []);
  const others: Part = { storages: [local], policy: usual, except: names, workDirectory: directory };
  if (database === undefined) return [...configured, others];
  const named = configured.filter((part) => part.database === database);
  return named.length > 0 ? named : [{ ...others, database }];
}

async function configuredParts(context: CliContext, given: RetentionPolicy | undefined): Promise<Part[]> {
  const { openBackups } = await import('@clearway/backups');
  const file = context.variables['CLEARWAY_CONFIG'] ?? DEFAULT_FILE;
  const { clock, directory, variables } = context;
  if (!existsSync(path.resolve(directory, file))) return [];
  const { configuration: sections } = await loadFile(file, context);
  return openBackups({ sections, variables, directory, clock }).databases.map(
    ({ storages, policy: { retention }, nameOnServer }) => ({
      storages,
      policy: given ?? retention,
      database: nameOnServer,
    }),
  );
}

type Rules = Partial<
  Record<
    'keepDays' | 'keepCount' | 'keepDaily' | 'keepWeekly' | 'keepMonthly' | 'keepYearly' | 'keepUnproven' | 'preset',
    string
  >
>;

/** The policy that the options make; undefined when they say nothing. */
function policyOf(options: Rules): RetentionPolicy | undefined {
  const preset = oneOf('--preset', options.preset, ['month', 'week']);
  const policy = {
    keepDays: numberOf('--keep-days', options.keepDays) ?? (preset && { month: 30, week: 7 }[preset]),
    keepCount: numberOf('--keep-count', options.keepCount),
    keepDaily: numberOf('--keep-daily', options.keepDaily),
    keepWeekly: numberOf('--keep-weekly', options.keepWeekly),
    keepMonthly: numberOf('--keep-monthly', options.keepMonthly),
    keepYearly: numberOf('--keep-yearly', options.keepYearly),
    keepUnproven: numberOf('--keep-unproven', options.keepUnproven),
  };
  return Object.values(policy).some((value) => value !== undefined) ? policy : undefined;
}

function usualPolicy({ variables }: CliContext): RetentionPolicy {
  const keepDays = numberOf('RETENTION_DAYS', variables['RETENTION_DAYS'] || undefined);
  return keepDays === undefined ? {} : { keepDays };
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,4}$/.test(text)) throw new UsageError(`${option} is ${text}: give a whole number up to 9999`);
  return Number(text);
}

/** The first failure decides. */
function codeOf(results: readonly PruneResult[], context: CliContext): ExitCode {
  const failures: BackupFailure[] = results
    .flatMap(({ storages }) => storages)
    .flatMap(({ failure, databases }) => [failure, ...databases.map((database) => database.failure)])
    .filter((failure) => failure !== undefined);
  for (const failure of failures) printFailure(failure, false, context);
  return failures[0]?.exitCode ?? EXIT.ok;
}
