import type { BackedUpDatabase, BackupFailure, StoredBackup, TellBackupEvent, VerifyResult } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { safe } from '../terminal/style.ts';
import { act, printFailure, type Acting } from './act.ts';
import type { BackupCommand } from './command.ts';
import { oneOf } from './create.ts';
import { backupDocument, failureDocument } from './document.ts';
import { findCopies, openPlaces, type FoundCopy } from './every-storage.ts';
import { findBackup } from './find.ts';
import { notifyOption, telling } from './notices.ts';
import { stateText } from './list.ts';
import {
  dirOption,
  identityOption,
  jsonOption,
  latestOfOption,
  scratchServerOption,
  waitForProofOption,
} from './options.ts';
import { identitiesToUse, verifyServerToUse } from './setup.ts';
import { durationText, secondsOf } from './sizes.ts';

const EXAMPLES = `
Examples
  clearway backup verify                    restores the newest backup and compares every table
  clearway backup verify 20261122T020000Z-tracks-3f9a1c --level decode
  clearway backup verify --database tracks --storage all            each copy, where it lies
  clearway backup verify latest --database tracks --identity key.txt --json | jq .state
`;

/** Adds `clearway backup verify`. */
export function addVerifyCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('verify')
    .summary('prove a backup: read it, restore it, compare it')
    .description(
      'Proves a backup where it lies. decode reads it to its last byte; restore also restores it into a scratch database;' +
        ' exact also compares every table with the manifest.',
    )
    .argument('[id]', 'the backup, or latest', 'latest')
    .option('-l, --level <level>', 'decode, restore or exact', 'exact')
    .addOption(latestOfOption)
    .addOption(scratchServerOption)
    .addOption(identityOption)
    .option('--storage <id>', 'a storage of clearway.yaml, local, or all: the copies of every storage in turn')
    .addOption(waitForProofOption)
    .addOption(dirOption)
    .addOption(notifyOption)
    .addOption(jsonOption)
    .addHelpText('after', EXAMPLES)
    .action(async (id, options) => {
      const asJson = options.json === true;
      const startMs = context.clock.nowMs();
      const waitSeconds = options.wait === undefined ? 0 : secondsOf(options.wait);
      const work = async (acting: Acting, tell: TellBackupEvent): Promise<ExitCode> => {
        const { failureEvent, proofEvent } = await import('@clearway/backups');
        const level = oneOf('--level', options.level, ['decode', 'restore', 'exact']) ?? 'exact';
        const verifyServer = await verifyServerToUse(context, options.server);
        const places = await openPlaces(context, { ...options, verifyServer });
        const { engine, storage, databaseName, entry } = places;
        const identities = await identitiesToUse(context, options.identity);
        // whom one waits for has done the same
        const unlessProvenSinceMs = options.wait === undefined ? undefined : startMs;
        const verify: Verify = async (copy) => {
          const result = await engine.verify({ backup: copy, level, identities, unlessProvenSinceMs, ...acting });
          const proven = { storage: copy.storage.id, backupId: copy.id, result, failure: result.failure };
          const event = proofEvent(idOf(copy, entry), proven, context.clock.nowMs());
          if (event) tell(event);
          return result;
        };
        if (places.isAll) {
          const missing = (failure: BackupFailure, storage: string): unknown =>
            tell(
              failureEvent('backup.proof_failed', databaseName ?? 'clearway', failure, {
                nowMs: context.clock.nowMs(),
                facts: { storage },
              }),
            );
          return verifyEach(await findCopies(places, id), { verify, missing }, asJson, context);
        }
        return report(await verify(await findBackup(storage, id, databaseName, 'newest')), asJson, context);
      };
      const { notify, database } = options;
      const told = telling(context, { notify, database, failed: 'backup.proof_failed' }, work);
      finish(await act(context, asJson, told, waitSeconds));
    });
}

/** A database as clearway.yaml calls it, else by its name on the server. */
function idOf({ manifest }: StoredBackup, entry: BackedUpDatabase | undefined): string {
  const name = manifest.source?.database ?? 'clearway';
  return entry?.nameOnServer === name ? entry.id : name;
}

type Verify = (backup: StoredBackup) => Promise<VerifyResult>;

/** Verifies copies one after the other. One that is wrong does not keep the others from being looked at. */
async function verifyEach(
  copies: readonly FoundCopy[],
  {
    verify,
    missing,
  }: { readonly verify: Verify; readonly missing: (failure: BackupFailure, storage: string) => unknown },
  asJson: boolean,
  context: CliContext,
): Promise<ExitCode> {
  const documents: object[] = [];
  let code: ExitCode = EXIT.ok;
  for (const copy of copies) {
    const result = await resultOf(copy, verify);
    const failure = result.failure ? failureDocument(result.failure) : null;
    if (!asJson) context.out(`${copy.storage.id}:`);
    let ended: ExitCode;
    if ('verification' in result) {
      documents.push({ ...backupDocument(result.backup), verification: result.verification, failure });
      ended = render(result, context, asJson);
    } else {
      documents.push({ storage: copy.storage.id, failure });
      missing(result.failure, copy.storage.id);
      ended = refused(result.failure, context);
    }
    if (code === EXIT.ok) code = ended;
  }
  if (asJson) context.out(JSON.stringify({ copies: documents }, null, 2));
  return code;
}

async function resultOf(copy: FoundCopy, verify: Verify): Promise<VerifyResult | { readonly failure: BackupFailure }> {
  if ('failure' in copy) return copy;
  const { asBackupFailure } = await import('@clearway/backups');
  try {
    return await verify(copy.backup);
  } catch (error) {
    const failure = asBackupFailure(error, 'storage-failed');
    if (failure.reason === 'interrupted' || failure.reason === 'locked') throw failure;
    return { failure };
  }
}

function refused(failure: BackupFailure, context: CliContext): ExitCode {
  context.progress?.('');
  printFailure(failure, false, context);
  return failure.exitCode;
}

function report(result: VerifyResult, asJson: boolean, context: CliContext): ExitCode {
  const { backup, verification } = result;
  if (asJson) context.out(JSON.stringify({ ...backupDocument(backup), verification }, null, 2));
  return render(result, context, asJson);
}

function render({ backup, verification, failure }: VerifyResult, context: CliContext, asJson: boolean): ExitCode {
  context.progress?.('');
  if (failure) {
    for (const { kind, name, what } of verification.differences ?? [])
      context.error(`${context.style('red', 'different')}  ${kind} ${safe(name)}: ${safe(what)}`);
    printFailure(failure, false, context);
    if (!asJson) context.out(`${stateText(backup.verifications.state, context)}  ${backup.id}`);
    return failure.exitCode;
  }
  if (asJson) return EXIT.ok;
  const { restoreSeconds, server, decodedBy, durationSeconds } = verification;
  const restored =
    restoreSeconds === undefined ? '' : `, restored in ${durationText(restoreSeconds)} on ${server ?? ''}`;
  const byHash = decodedBy === 'hash' ? ', by its hash alone: no identity was given' : '';
  context.out(`${stateText(backup.verifications.state, context)}  ${backup.id}`);
  context.out(`${verification.level} passed in ${durationText(durationSeconds)}${restored}${byHash}`);
  return EXIT.ok;
}
