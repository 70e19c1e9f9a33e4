import { BACKUP_FAILURES } from '@clearway/backups/failures';

const lines = Object.entries(BACKUP_FAILURES).map(
  ([reason, { exitCode, meaning }]) => `  ${exitCode}  ${reason.padEnd(18)} ${meaning}`,
);

/** For the help: one exit status for each class of failure. */
export const BACKUP_EXIT_CODES = `
Exit status of these commands
  0   ${'done'.padEnd(18)} the backup is as it should be
${lines.join('\n')}
`;
