import type { VerifyResult } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { safe } from '../terminal/style.ts';
import { act, printFailure } from './act.ts';
import type { BackupCommand } from './command.ts';
import { oneOf } from './create.ts';
import { backupDocument } from './document.ts';
import { findBackup } from './find.ts';
import { stateText } from './list.ts';
import { identitiesToUse, openBackups, verifyServerToUse } from './setup.ts';
import { durationText } from './sizes.ts';

const EXAMPLES = `
Examples
  clearway backup verify                    restores the newest backup and compares every table
  clearway backup verify 20261122T020000Z-tracks-3f9a1c --level decode
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
    .option('-d, --database <name>', 'of which database the latest is meant')
    .option(
      '--server <url>',
      'a server to restore into, or env:VARIABLE; VERIFY_SERVER_URL, or one of its own, otherwise',
    )
    .option('--identity <file>', 'private keys of age; AGE_IDENTITY_FILE otherwise')
    .option('--storage <id>', 'a storage of clearway.yaml, or local')
    .option('--dir <directory>', 'where backups are kept, instead of what clearway.yaml says; BACKUP_DIR otherwise')
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', EXAMPLES)
    .action(async (id, options) => {
      const asJson = options.json === true;
      const code = await act(context, asJson, async (acting) => {
        const level = oneOf('--level', options.level, ['decode', 'restore', 'exact']) ?? 'exact';
        const verifyServer = await verifyServerToUse(context, options.server);
        const { engine, storage, databaseName } = await openBackups(context, { ...options, verifyServer });
        const found = await findBackup(storage, id, databaseName, 'newest');
        const identities = await identitiesToUse(context, options.identity);
        return report(await engine.verify({ backup: found, level, identities, ...acting }), asJson, context);
      });
      finish(code);
    });
}

function report({ backup, verification, failure }: VerifyResult, asJson: boolean, context: CliContext): ExitCode {
  if (asJson) context.out(JSON.stringify({ ...backupDocument(backup), verification }, null, 2));
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
