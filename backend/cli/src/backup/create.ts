import type { CopyOutcome, TellBackupEvent } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError, type ExitCode } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { act, printFailure, type Acting } from './act.ts';
import type { BackupCommand } from './command.ts';
import { backupDocument, copyDocument, type CopyDocument } from './document.ts';
import { notifyOption, telling } from './notices.ts';
import { databaseOption, dirOption, jsonOption, storageOption, waitOption } from './options.ts';
import { databaseToUse, openBackups } from './setup.ts';
import { contentText, durationText, secondsOf, sizeText } from './sizes.ts';

const EXAMPLES = `
Examples
  clearway backup create                                   of DATABASE_URL, or the embedded database
  clearway backup create --database tracks
  clearway backup create --database env:TRACKS_DATABASE_URL --format plain --compression gzip
  clearway backup create --encrypt age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudcypqqjq5zh0
  clearway backup create --json | jq -r .id
`;

/** Adds `clearway backup create`. */
export function addCreateCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('create')
    .summary('dump a database, with a manifest of what it held')
    .description(
      'Dumps a database and measures every table in the same snapshot, stores both, and reads the dump once to its last byte.',
    )
    .addOption(databaseOption)
    .option('--format <format>', 'custom, or plain for an SQL script (default: custom, with pg_dump installed)')
    .option('--compression <method>', 'zstd or gzip (default: zstd)')
    .option('--encrypt <recipient...>', 'public keys of age; those of clearway.yaml or BACKUP_RECIPIENTS otherwise')
    .option('--system-identifier <id>', 'refuse unless the database is on this cluster')
    .option('--accept-new-identity', 'the database was moved to another cluster')
    .addOption(waitOption)
    .addOption(storageOption)
    .addOption(dirOption)
    .addOption(notifyOption)
    .addOption(jsonOption)
    .addHelpText('after', EXAMPLES)
    .action(async (options) => {
      const asJson = options.json === true;
      const waitSeconds = options.wait === undefined ? 0 : secondsOf(options.wait);
      const work = async (acting: Acting, tell: TellBackupEvent): Promise<ExitCode> => {
        const { madeEvent } = await import('@clearway/backups');
        const { engine, storage, copies, entry } = await openBackups(context, options);
        const made = await engine.create({
          connectionString: await databaseToUse(context, options.database, entry),
          storage,
          copies,
          format: oneOf('--format', options.format, ['custom', 'plain']) ?? entry?.policy.format,
          compression: oneOf('--compression', options.compression, ['zstd', 'gzip']) ?? entry?.policy.compression,
          recipients: options.encrypt ?? entry?.policy.recipients ?? recipientsToUse(context, undefined),
          systemIdentifier: options.systemIdentifier,
          acceptNewIdentity: options.acceptNewIdentity,
          ...acting,
        });
        tell(madeEvent(entry?.id ?? made.manifest.source?.database ?? 'clearway', made, context.clock.nowMs()));
        const document = { ...backupDocument(made), copies: made.copies.map(copyDocument) };
        if (asJson) context.out(JSON.stringify(document, null, 2));
        else {
          context.progress?.('');
          const { id, state, sizeBytes, durationSeconds } = document;
          context.out(`${context.style('green', state)}  ${id}`);
          context.out(
            `${contentText(document)}, ${sizeText(sizeBytes)} in ${durationText(durationSeconds)}: ${document.file}`,
          );
          if (made.copies.length > 1) context.out(`copies: ${document.copies.map(copyText).join(', ')}`);
          context.out(`prove it: clearway backup verify ${id} --level exact`);
        }
        return codeOfCopies(made.copies, context);
      };
      const { notify, database } = options;
      const told = telling(context, { notify, database, failed: 'backup.failed' }, work);
      finish(await act(context, asJson, told, waitSeconds));
    });
}

const copyText = ({ storage, state }: CopyDocument): string => `${storage} ${state ?? 'failed'}`;

/** The backup was made; a storage that has no good copy of it is named, and has an exit status of its own. */
async function codeOfCopies(copies: readonly CopyOutcome[], context: CliContext): Promise<ExitCode> {
  const missing = copies.filter(({ failure }) => failure);
  if (missing.length === 0) return EXIT.ok;
  const { BackupFailure } = await import('@clearway/backups');
  const what = missing.map(({ storage, failure }) => `${storage.id}: ${failure?.message}`).join('; ');
  const remedies = new Set(missing.flatMap(({ failure }) => failure?.remedy ?? []));
  const remedy = [...remedies, 'the next backup copies it after, once the storage answers'].join('; ');
  const failure = new BackupFailure('copies-missing', `there is no good copy in ${what}`, { remedy });
  printFailure(failure, false, context);
  return failure.exitCode;
}

/** Public keys to encrypt for: those given, else BACKUP_RECIPIENTS. */
export const recipientsToUse = (context: CliContext, given: string[] | undefined): string[] =>
  given ?? context.variables['BACKUP_RECIPIENTS']?.split(/[\s,]+/).filter(Boolean) ?? [];

/** One of the values of an option. */
export function oneOf<T extends string>(
  option: string,
  value: string | undefined,
  values: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = values.find((candidate) => candidate === value);
  if (found === undefined) throw new UsageError(`${option} is ${value}: give one of ${values.join(', ')}`);
  return found;
}
