import path from 'node:path';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { act } from './act.ts';
import type { BackupCommand } from './command.ts';
import { recipientsToUse } from './create.ts';
import { backupDocument } from './document.ts';
import { stateText } from './list.ts';
import { dirOption, jsonOption, storageOption } from './options.ts';
import { openBackups } from './setup.ts';

const EXAMPLES = `
Examples
  clearway backup adopt nightly.dump
  clearway backup adopt export.sql.gz --name tracks
`;

/** Adds `clearway backup adopt`. */
export function addAdoptCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('adopt')
    .summary('take over a dump that was made elsewhere')
    .description(
      "Takes a copy of a dump that was made elsewhere, in pg_dump's custom format or as a script. Without a manifest it can be" +
        ' proven up to restored.',
    )
    .argument('<file>', 'the dump; zstd and gzip are understood')
    .option('--name <name>', 'name for its id')
    .option('--encrypt <recipient...>', 'public keys of age; BACKUP_RECIPIENTS otherwise')
    .addOption(storageOption)
    .addOption(dirOption)
    .addOption(jsonOption)
    .addHelpText('after', EXAMPLES)
    .action(async (file, options) => {
      const asJson = options.json === true;
      const code = await act(context, asJson, async (acting) => {
        const { engine, storage } = await openBackups(context, options);
        const recipients = recipientsToUse(context, options.encrypt);
        const adopted = await engine.adopt({
          file: path.resolve(context.directory, file),
          storage,
          name: options.name,
          recipients,
          ...acting,
        });
        const document = backupDocument(adopted);
        if (asJson) context.out(JSON.stringify(document, null, 2));
        else {
          context.progress?.('');
          context.out(`${stateText(document.state, context)}  ${document.id}`);
          context.out(`prove it: clearway backup verify ${document.id} --level restore`);
        }
        return EXIT.ok;
      });
      finish(code);
    });
}
