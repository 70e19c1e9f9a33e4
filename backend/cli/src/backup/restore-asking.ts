import type { BackupStorage, StoredBackup } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { count, safe } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { stateText } from './list.ts';
import { renderBackup } from './show.ts';
import { ageText, sizeText } from './sizes.ts';

/** Whoever was asked did not agree. */
export class NotConfirmed extends Error {}

const MOST_SHOWN = 20;

/**
 * Asks which backup is to be restored and under which name, shows what it holds, and has the name typed once more.
 *
 * @throws NotConfirmed
 */
export async function askWhatToRestore(
  storage: BackupStorage,
  database: string | undefined,
  context: CliContext,
): Promise<{ readonly backup: StoredBackup; readonly to: string }> {
  const { BackupFailure, listBackups } = await import('@clearway/backups');
  const { backups } = await listBackups(storage);
  const choices = backups
    .filter(({ manifest }) => database === undefined || manifest.source?.database === database)
    .toReversed();
  if (choices.length === 0) {
    throw new BackupFailure('not-found', `${storage.location} holds no backup`, {
      remedy: 'make one: clearway backup create',
    });
  }
  renderChoices(choices, context);
  const backup = await choose(choices, context);
  renderBackup(backup, context);
  const usual = backup.manifest.source?.database ?? '';
  const suggestion = usual === '' ? '' : ` [${safe(usual)}]`;
  const to = (await ask(`\nRestore it to the database${suggestion}: `, context)) || usual;
  if (to === '') throw new NotConfirmed();
  await typedAgain(
    `What has the name ${safe(to)} now is backed up and replaced, and its connections are ended.`,
    to,
    context,
  );
  return { backup, to };
}

/**
 * Asks before a database is emptied; without a terminal nobody is asked.
 *
 * @throws NotConfirmed
 */
export async function confirmInPlace(database: string, context: CliContext): Promise<void> {
  if (!context.ask) return;
  await typedAgain(`${safe(database)} will be emptied and filled again.`, database, context);
}

async function typedAgain(what: string, name: string, context: CliContext): Promise<void> {
  const typed = await ask(`${what}\nType the name of the database to go on: `, context);
  if (typed !== name) throw new NotConfirmed();
}

async function choose(choices: readonly StoredBackup[], context: CliContext): Promise<StoredBackup> {
  for (;;) {
    const answer = (await ask('Which one? [1] ', context)) || '1';
    const chosen = choices[Number(answer) - 1] ?? choices.find(({ id }) => id === answer);
    if (chosen) return chosen;
    if (/^q(uit)?$/i.test(answer)) throw new NotConfirmed();
    context.error(`there is no ${safe(answer)}: a number from 1 to ${choices.length}, or q to leave`);
  }
}

const ask = async (question: string, context: CliContext): Promise<string> =>
  ((await context.ask?.(question)) ?? '').trim();

function renderChoices(choices: readonly StoredBackup[], context: CliContext): void {
  const nowMs = context.clock.nowMs();
  const rows = choices
    .slice(0, MOST_SHOWN)
    .map(({ id, manifest, verifications }, i) => [
      String(i + 1),
      id,
      safe(manifest.source?.database ?? ''),
      stateText(verifications.state, context),
      ageText(manifest.completedAt, nowMs),
      sizeText(manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)),
      manifest.purpose === 'regular' ? '' : manifest.purpose,
    ]);
  const titles = ['', 'ID', 'DATABASE', 'STATE', 'MADE', 'SIZE', 'NOTE'];
  for (const line of table(
    titles.map((title) => ({ title })),
    rows,
  ))
    context.out(line);
  const older = choices.length - rows.length;
  if (older > 0) context.out(`and ${count(older, 'older one')}, by number or id: clearway backup list`);
}
