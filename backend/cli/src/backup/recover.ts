import type { RecoveredTable, RecoveryPlan, RecoveryResult } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { count, safe, shorten } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { act } from './act.ts';
import type { BackupCommand } from './command.ts';
import { findBackup } from './find.ts';
import { databaseOption, dirOption, identityOption, storageOption } from './options.ts';
import { databaseToUse, identitiesToUse, openBackups } from './setup.ts';

const EXAMPLES = `
What would be written is tried in a transaction that is rolled back, shown, and written in one transaction when you agree.
Foreign keys, unique keys, rules and triggers hold. Rows that are there with other values are left alone without --overwrite.
Sequences that are behind the rows are moved, forward only. In a table without a key, rows are compared whole: one is written
where the table holds fewer equal ones than the backup.

Examples
  clearway backup recover tracks --key 17                        shows the row and asks
  clearway backup recover tracks --key 17 --key 18 --with-references
  clearway backup recover playlist_entries --key 'playlist_id=3,position=1' --yes
  clearway backup recover posts --key author_id=7 --json         shows all of an author, writes nothing
  clearway backup recover tracks --key 17 --backup 20261122T020000Z-tracks-3f9a1c --overwrite
`;

/** Adds `clearway backup recover`. */
export function addRecoverCommand(backup: BackupCommand, context: CliContext, finish: Finish): void {
  backup
    .command('recover')
    .summary('bring single rows back out of a backup')
    .description(
      'Brings single rows of a table back out of the last exact backup. They are shown first, with what the database holds' +
        ' instead, and written only when you agree.',
    )
    .argument('<table>', 'the table, with its schema where the name is not unique')
    .requiredOption('-k, --key <key...>', 'value of the key, or column=value[,column=value]')
    .option('-b, --backup <id>', 'which backup; the newest exact one otherwise')
    .addOption(databaseOption)
    .option('--with-references', 'take along missing rows that the rows refer to')
    .option('--overwrite', 'write over rows that are there with other values')
    .option('-y, --yes', 'write without asking')
    .addOption(identityOption)
    .addOption(storageOption)
    .addOption(dirOption)
    .option('--json', 'print JSON, for scripts; writes only with --yes')
    .addHelpText('after', EXAMPLES)
    .action(async (name, options) => {
      const asJson = options.json === true;
      const code = await act(context, asJson, async (acting) => {
        const { BackupFailure, databaseOfUrl, recoverRows } = await import('@clearway/backups');
        const { storage, entry } = await openBackups(context, options);
        const connectionString = await databaseToUse(context, options.database, entry);
        const found = await findBackup(storage, options.backup ?? 'latest', databaseOfUrl(connectionString), 'exact');
        if (options.backup === undefined && found.verifications.state !== 'exact') {
          throw new BackupFailure('not-found', `no backup of ${databaseOfUrl(connectionString)} is exact`, {
            remedy: `prove it: clearway backup verify ${found.id} --level exact; or name it: --backup ${found.id}`,
          });
        }
        const result = await recoverRows({
          backup: found,
          connectionString,
          table: name,
          keys: options.key,
          overwrite: options.overwrite,
          withReferences: options.withReferences,
          identities: await identitiesToUse(context, options.identity),
          show: (plan) => {
            context.progress?.('');
            if (!asJson) renderPlan(plan, context);
          },
          decide: (plan) => decide(plan, options, context),
          ...acting,
        });
        report(result, options, context);
        return EXIT.ok;
      });
      finish(code);
    });
}

interface Deciding {
  readonly yes?: true | undefined;
  readonly json?: true | undefined;
}

async function decide({ database }: RecoveryPlan, { yes, json }: Deciding, context: CliContext): Promise<boolean> {
  if (yes) return true;
  if (json || !context.ask) return false;
  const answer = await context.ask(`Write this to ${safe(database)}? (yes/no) `);
  return /^y(es)?$/i.test(answer.trim());
}

function report({ plan, written }: RecoveryResult, { yes, json }: Deciding, context: CliContext): void {
  if (json) {
    context.out(JSON.stringify({ ...plan, written }, null, 2));
    return;
  }
  if (written) {
    context.out(`${context.style('green', 'written')}  ${writtenText(written)}, in one transaction`);
  } else if (plan.write === null) {
    const why = plan.leftAlone > 0 ? ': write over what is there with --overwrite' : ', all rows are there';
    context.out(`nothing to write${why}`);
  } else context.out(`nothing was written${yes || context.ask ? '' : ': write it with --yes'}`);
}

const writtenText = ({ inserted, updated }: { readonly inserted: number; readonly updated: number }): string =>
  [count(inserted, 'row was missing', 'rows were missing'), count(updated, 'row was changed', 'rows were changed')]
    .filter((text) => !text.startsWith('0 '))
    .join(', ');

function renderPlan(plan: RecoveryPlan, context: CliContext): void {
  context.out(`from  ${plan.backupId}`);
  context.out(`to    ${safe(plan.database)}`);
  for (const group of plan.tables) renderTable(group, context);
  for (const { schema, name, from, to } of plan.sequences)
    context.out(`sequence ${safe(`${schema}.${name}`)} is moved from ${from ?? 'its start'} to ${to}`);
  if (plan.leftAlone > 0)
    context.out(
      `${count(plan.leftAlone, 'row is', 'rows are')} there with other values and left alone: see --overwrite`,
    );
}

const CELL = 40;
const MOST_SHOWN = 100;
const COLOURS = { missing: 'green', same: 'grey', changed: 'yellow' } as const;

function renderTable(
  { schema, table: name, columns, key, rows, forgotten }: RecoveredTable,
  context: CliContext,
): void {
  context.out('');
  context.out(`${safe(`${schema}.${name}`)}: ${count(rows.length, 'row')}`);
  if (key.length === 0)
    context.out('it has no key: a row is written only where the table holds no equal one, or fewer than the backup');
  if (forgotten.length > 0)
    context.out(`${context.style('yellow', 'warning')}: the table has no more: ${safe(forgotten.join(', '))}`);
  const lines = rows.slice(0, MOST_SHOWN).map(({ status, values, live }) => [
    context.style(COLOURS[status], status),
    ...values.map((value, i) => {
      const now = live?.[i];
      const was = cell(value);
      return live === null || now === value ? was : `${was} (now ${cell(now ?? null)})`;
    }),
  ]);
  for (const line of table([{ title: 'STATE' }, ...columns.map((title) => ({ title: safe(title) }))], lines))
    context.out(line);
  if (rows.length > MOST_SHOWN) context.out(`… and ${rows.length - MOST_SHOWN} more; --json has all`);
}

const cell = (value: string | null): string => (value === null ? 'NULL' : shorten(safe(value), CELL));
