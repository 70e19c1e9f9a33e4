import type { CopyProgress, CopyResult } from '@clearway/database';
import path from 'node:path';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { count, safe } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { connectionString } from './connection.ts';

/** What `clearway database copy` takes. */
export interface CopyCommandOptions {
  readonly from: string;
  readonly to: string;
  readonly schema: string;
  readonly skip: readonly string[];
  readonly moments: 'auto' | 'seconds' | 'milliseconds' | 'microseconds';
  readonly dryRun?: true | undefined;
  readonly json?: true | undefined;
}

/** `clearway database copy`. */
export async function copy(context: CliContext, options: CopyCommandOptions): Promise<ExitCode> {
  const { copySqlite, CopyError } = await import('@clearway/database');
  try {
    const result = await copySqlite({
      file: path.resolve(context.directory, options.from),
      connectionString: connectionString(context, '--to', options.to),
      schema: options.schema,
      skip: options.skip,
      moments: options.moments,
      dryRun: options.dryRun === true,
      onProgress: (progress) => tell(context, progress),
    });
    if (options.json) context.out(JSON.stringify(result, null, 2));
    else print(context, result);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof CopyError)) throw error;
    if (options.json) context.out(JSON.stringify({ copied: false, problems: error.problems }, null, 2));
    for (const { where, message, remedy } of error.problems)
      context.error(`${safe(where)}: ${safe(message)}\n  → ${safe(remedy)}`);
    context.error('Nothing was copied.');
    return EXIT.problem;
  }
}

function tell(context: CliContext, { step, table: name, done, rows }: CopyProgress): void {
  const percent = rows === 0 ? 100 : Math.floor((100 * done) / rows);
  context.progress?.(`${step === 'copy' ? 'copying' : 'verifying'} ${safe(name)}: ${done} of ${rows} (${percent} %)`);
}

function print(context: CliContext, { tables, rows, skipped, dryRun, durationMs }: CopyResult): void {
  const columns = [
    { title: 'TABLE' },
    { title: 'TARGET' },
    { title: 'ROWS', align: 'right' as const },
    { title: 'CHECKSUM' },
  ];
  const lines = tables.map((one) => [safe(one.table), safe(one.target), String(one.rows), one.checksum]);
  for (const line of table(columns, lines)) context.out(line);
  context.out('');
  if (skipped.length > 0) context.out(`Left out: ${skipped.map(safe).join(', ')}.`);
  const all = `${count(rows, 'row')} of ${count(tables.length, 'table')}`;
  const seconds = (durationMs / 1000).toFixed(1);
  context.out(
    dryRun
      ? `${all} can be copied; nothing was written.`
      : `${all} copied in ${seconds} s: counts and checksums are the same on both sides.`,
  );
}
