import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { act } from './act.ts';
import type { BackupCommand } from './command.ts';
import { jsonOption } from './options.ts';

const EXAMPLES = `
The file is in the form of age-keygen, and age opens what is encrypted for it. Keep it where the backups are not, twice: what is
encrypted for it can be opened by nothing else.

Examples
  clearway backup new-key backup-key.txt
  clearway backup create --encrypt "$(clearway backup new-key backup-key.txt)"
`;

/** Adds `clearway backup new-key`. */
export function addNewKeyCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('new-key')
    .summary('make a pair of keys for encrypted backups')
    .description('Makes a pair of keys of age: writes the private one to a new file, and prints the public one.')
    .argument('<file>', 'where the private key goes; it must not be there yet')
    .addOption(jsonOption)
    .addHelpText('after', EXAMPLES)
    .action(async (file, options) => {
      const asJson = options.json === true;
      const code = await act(context, asJson, async () => {
        const { asBackupFailure, newIdentity } = await import('@clearway/backups');
        const { identity, recipient } = await newIdentity();
        const created = new Date(context.clock.nowMs()).toISOString();
        const content = `# created: ${created}\n# public key: ${recipient}\n${identity}\n`;
        const place = path.resolve(context.directory, file);
        try {
          await writeFile(place, content, { flag: 'wx', mode: 0o600 });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw asBackupFailure(error, 'storage-failed');
          throw new UsageError(`${file} is there already, and may be a key: name another file`);
        }
        context.out(asJson ? JSON.stringify({ file: place, recipient }, null, 2) : recipient);
        return EXIT.ok;
      });
      finish(code);
    });
}
