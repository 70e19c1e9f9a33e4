import type { SetupFinding } from '@clearway/database';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { safe } from '../terminal/style.ts';
import { connectionString } from './connection.ts';

/** What `clearway database setup` takes. */
export interface SetupCommandOptions {
  readonly to: string;
  readonly migrations?: string | undefined;
  readonly check?: true | undefined;
  readonly json?: true | undefined;
}

const MARKS = { ok: '✓', warning: '!', failed: '✗', skipped: '·' } as const;
const COLOURS = { ok: 'green', warning: 'yellow', failed: 'red', skipped: 'dim' } as const;

/** `clearway database setup`. */
export async function setUp(context: CliContext, options: SetupCommandOptions): Promise<ExitCode> {
  const { setUpDatabase } = await import('@clearway/database');
  const findings = await setUpDatabase({
    connectionString: connectionString(context, '--to', options.to),
    checkOnly: options.check === true,
    ...(options.migrations !== undefined && { migrations: options.migrations }),
    onFinding: (finding) => options.json ?? print(context, finding),
  });
  const hasFailed = findings.some(({ status }) => status === 'failed');
  if (options.json) context.out(JSON.stringify({ ready: !hasFailed, findings }, null, 2));
  else context.out(hasFailed ? 'Not ready: mend what failed, and run it again.' : options.check ? 'Fit.' : 'Ready.');
  return hasFailed ? EXIT.problem : EXIT.ok;
}

function print(context: CliContext, { name, status, detail, remedy }: SetupFinding): void {
  context.out(`${context.style(COLOURS[status], MARKS[status])} ${name.padEnd(18)}  ${safe(detail)}`);
  if (remedy !== undefined) context.out(`  ${''.padEnd(18)}  → ${safe(remedy)}`);
}
