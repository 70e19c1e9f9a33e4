import type { NeonBackup, NeonBackups } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError, type ExitCode } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { safe } from '../terminal/style.ts';
import { act } from './act.ts';
import type { BackupCommand } from './command.ts';
import { jsonOption } from './options.ts';
import { ageText, sizeText } from './sizes.ts';

const ABOUT = `
A branch is made in a moment and takes no space of its own at first. It lies where the database lies and goes with the
project: it is no substitute for a backup that was restored and compared elsewhere.

NEON_API_KEY and NEON_PROJECT_ID say which project. A key is never taken from an option.

Examples
  clearway backup neon create
  clearway backup neon list --json | jq -r '.backups[].name'
  clearway backup neon restore clearway-backup-20261129T020000Z-main-3f9a1c --as-new look
  clearway backup neon restore clearway-backup-20261129T020000Z-main-3f9a1c --yes
  clearway backup neon prune --keep-days 7 --dry-run
`;

/** Adds `clearway backup neon` and its commands. */
export function addNeonCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  const neon = backup
    .command('neon')
    .summary('branches at Neon as instant backups')
    .description('Makes, lists, restores and removes branches of a project at Neon.')
    .addHelpText('after', ABOUT);
  const run = async (asJson: boolean | undefined, work: (neon: NeonBackups) => Promise<ExitCode>): Promise<void> =>
    finish(await act(context, asJson === true, async ({ signal }) => work(await openNeon(context, signal))));

  neon
    .command('create')
    .summary('make a branch that is a backup')
    .option('--branch <name>', 'of which branch; the default one otherwise')
    .addOption(jsonOption)
    .action(({ branch, json }) =>
      run(json, async (backups) => {
        const made = await backups.create(branch);
        context.out(json ? JSON.stringify(made, null, 2) : `made  ${safe(made.name)}`);
        return EXIT.ok;
      }),
    );
  neon
    .command('list')
    .summary('list the branches that are backups')
    .addOption(jsonOption)
    .action(({ json }) =>
      run(json, async (backups) => {
        print(await backups.list(), json, context);
        return EXIT.ok;
      }),
    );
  neon
    .command('restore')
    .summary('give a branch the data of a backup; what it held stays in another branch')
    .argument('<name>', 'the backup')
    .option('--branch <name>', 'which branch is restored; the default one otherwise')
    .option('--as-new <name>', 'make a new branch of it, and change no other')
    .option('--yes', 'ask nothing')
    .addOption(jsonOption)
    .action((name, { branch, asNew, yes, json }) =>
      run(json, async (backups) => {
        if (branch !== undefined && asNew !== undefined) throw new UsageError('give --branch or --as-new, not both');
        if (asNew === undefined && !yes) await confirm(name, context);
        const restored = await backups.restore(name, { branch, newBranch: asNew });
        if (json) context.out(JSON.stringify(restored, null, 2));
        else {
          context.out(`restored  ${safe(restored.branch)} from ${safe(restored.backup)}`);
          if (restored.previous !== null) context.out(`what it held before: ${safe(restored.previous)}`);
        }
        return EXIT.ok;
      }),
    );
  neon
    .command('prune')
    .summary('remove old backups, never the last one, nor what other branches hang on')
    .option('--keep-days <days>', 'those that are younger stay (default: 7)')
    .option('--keep-count <number>', 'so many of the newest stay (default: 1)')
    .option('--dry-run', 'remove nothing')
    .addOption(jsonOption)
    .action(({ keepDays, keepCount, dryRun, json }) =>
      run(json, async (backups) => {
        const rules = {
          keepDays: wholeNumber('--keep-days', keepDays, 7),
          keepCount: wholeNumber('--keep-count', keepCount, 1),
        };
        const removed = await backups.prune({ ...rules, isDryRun: dryRun === true });
        if (!json) context.out(`${removed.length} ${dryRun ? 'would be removed' : 'removed'}`);
        print(removed, json, context);
        return EXIT.ok;
      }),
    );
}

async function openNeon({ variables, clock }: CliContext, signal: AbortSignal): Promise<NeonBackups> {
  const [apiKey, projectId] = [variables['NEON_API_KEY'], variables['NEON_PROJECT_ID']];
  if (!apiKey) throw new UsageError('NEON_API_KEY is not set: make a key at Neon, and put it into .env');
  if (!projectId) throw new UsageError('NEON_PROJECT_ID is not set: it stands in the settings of the project at Neon');
  const { neonBackups, openNeonApi } = await import('@clearway/backups');
  const baseUrl = variables['NEON_API_URL'] || undefined;
  return neonBackups(openNeonApi({ apiKey, projectId, baseUrl, signal }), clock);
}

async function confirm(name: string, { ask }: CliContext): Promise<void> {
  if (!ask) throw new UsageError('a branch is to be changed and nobody can be asked: add --yes, or --as-new NAME');
  const answer = await ask(`Type the name of the backup to restore ${safe(name)}: `);
  if (answer.trim() !== name) throw new UsageError('that is not the name; nothing was changed');
}

function print(backups: readonly NeonBackup[], json: true | undefined, context: CliContext): void {
  if (json) return context.out(JSON.stringify({ backups }, null, 2));
  for (const { name, createdAt, sizeBytes, isProtected, isInUse } of backups) {
    const size = sizeBytes === null ? '' : sizeText(sizeBytes);
    const notes = `${isProtected ? '  protected' : ''}${isInUse ? '  other branches hang on it' : ''}`;
    context.out(`${safe(name)}  ${ageText(createdAt, context.clock.nowMs())}  ${size}${notes}`);
  }
}

function wholeNumber(option: string, text: string | undefined, usual: number): number {
  if (text === undefined) return usual;
  if (!/^\d{1,4}$/.test(text)) throw new UsageError(`${option} is ${text}: give a whole number up to 9999`);
  return Number(text);
}
