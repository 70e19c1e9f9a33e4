import { Option } from '@commander-js/extra-typings';

// What several commands on backups take, in the same words.

export const dirOption = new Option(
  '--dir <directory>',
  'where backups are kept, instead of what clearway.yaml says; BACKUP_DIR otherwise',
);
export const storageOption = new Option('--storage <id>', 'a storage of clearway.yaml, or local');
export const identityOption = new Option('--identity <file>', 'private keys of age; AGE_IDENTITY_FILE otherwise');
export const jsonOption = new Option('--json', 'print JSON, for scripts');
export const databaseOption = new Option(
  '-d, --database <name>',
  'a URL, env:VARIABLE, or the name of a database on the server of DATABASE_URL',
);
export const latestOfOption = new Option('-d, --database <name>', 'of which database the latest is meant');
export const onlyOfOption = new Option('-d, --database <name>', 'only those of a database');
export const scratchServerOption = new Option(
  '--server <url>',
  'a server to restore into, or env:VARIABLE; VERIFY_SERVER_URL, or one of its own, otherwise',
);
export const waitOption = new Option(
  '--wait <duration>',
  'wait so long, such as 10m, while another one works on the database',
);
export const waitForProofOption = new Option(
  '--wait <duration>',
  'wait so long for another one that proves the same copy, such as 10m',
);
