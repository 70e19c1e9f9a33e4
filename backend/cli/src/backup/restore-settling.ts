import type { BackupEngine, RestoreRequest } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { safe } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import type { RestoreOptions } from './restore.ts';
import { ageText } from './sizes.ts';

/** Confirms a restore, or undoes it. */
export async function settle(
  engine: BackupEngine,
  serverUrl: string,
  { confirm, undo = '', json }: RestoreOptions,
  context: CliContext,
): Promise<ExitCode> {
  const journal =
    confirm === undefined
      ? await engine.undo({ serverUrl, id: undo })
      : await engine.confirm({ serverUrl, id: confirm });
  const { id, step, database, oldDatabase, newDatabase } = journal;
  if (json) context.out(JSON.stringify(journal, null, 2));
  else if (step === 'confirmed') context.out(`${id} is confirmed: ${oldDatabase ?? 'nothing'} was removed`);
  else context.out(`${id} is undone: ${database} is what it was, and what was restored is ${newDatabase}`);
  return EXIT.ok;
}

/** Lists the restores that were made with this directory. */
export async function listRestores(
  engine: BackupEngine,
  { json }: RestoreOptions,
  context: CliContext,
): Promise<ExitCode> {
  const restores = await engine.restores();
  if (json) context.out(JSON.stringify({ restores }, null, 2));
  else if (restores.length === 0) context.out('nothing was restored from here');
  else {
    const nowMs = context.clock.nowMs();
    const rows = restores.map(({ id, step, database, backupId, startedAt, oldDatabase, failure }) => [
      id,
      step,
      safe(database),
      backupId,
      ageText(startedAt, nowMs),
      step === 'swapped' && oldDatabase !== null ? `${safe(oldDatabase)} is kept until it is confirmed` : '',
      safe(failure?.message ?? ''),
    ]);
    const titles = ['RESTORE', 'STEP', 'DATABASE', 'BACKUP', 'MADE', 'NOTE', 'WHY'];
    for (const line of table(
      titles.map((title) => ({ title })),
      rows,
    ))
      context.out(line);
  }
  return EXIT.ok;
}

const COLOURS = { ok: 'green', warning: 'yellow', refused: 'red' } as const;

/** Looks at what a restore needs, and changes nothing. */
export async function checkOnly(
  request: RestoreRequest,
  { json }: RestoreOptions,
  context: CliContext,
): Promise<ExitCode> {
  const { BACKUP_FAILURES, checkRestore } = await import('@clearway/backups');
  const checks = await checkRestore(request);
  const isRefused = checks.some(({ status }) => status === 'refused');
  if (json) context.out(JSON.stringify({ backupId: request.backup.id, database: request.database, checks }, null, 2));
  else {
    for (const { name, status, message, remedy } of checks) {
      context.out(`${context.style(COLOURS[status], status.padEnd(7))}  ${name.padEnd(10)}  ${safe(message)}`);
      if (remedy !== undefined) context.out(`  → ${safe(remedy)}`);
    }
  }
  return isRefused ? BACKUP_FAILURES['preflight-refused'].exitCode : EXIT.ok;
}
