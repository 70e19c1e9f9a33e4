import type { Command } from '@commander-js/extra-typings';
import { DEFAULT_FILE } from '../config-file.ts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { count, safe } from '../terminal/style.ts';
import { collectorCheck } from './collector.ts';
import { configurationCheck, environmentChecks } from './configuration.ts';
import { databaseCheck, databaseNowMs } from './database.ts';
import { runChecks, type Check, type NamedFinding } from './finding.ts';
import { clockCheck, diskCheck, nodeCheck } from './machine.ts';
import { portChecks } from './ports.ts';
import { redisCheck, sentryCheck, workerCheck } from './services.ts';

const EXAMPLES = `
Examples
  clearway doctor
  clearway doctor --sentry-test       sends an event to Sentry and prints its id
  clearway doctor --json | jq '.findings[] | select(.status == "failed")'
`;

const CHECK_LIMIT_MS = 8000;

interface DoctorOptions {
  readonly file: string;
  readonly sentryTest?: true | undefined;
  readonly json?: true | undefined;
}

/** Adds `clearway doctor`. */
export function addDoctorCommand(program: Command, context: CliContext, finish: Finish): void {
  program
    .command('doctor')
    .summary('look at everything that Clearway needs on this machine')
    .description(
      'Looks at everything that Clearway needs on this machine, and says what to do about what is wrong. Exits with 1 when something failed.',
    )
    .option('-f, --file <file>', 'the configuration', DEFAULT_FILE)
    .option('--sentry-test', 'send a test event to Sentry')
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', EXAMPLES)
    .action(async (options) => finish(await doctor(options, context)));
}

/** Everything that is looked at, in the order in which it is told. */
function allChecks({ file, sentryTest }: DoctorOptions, context: CliContext): Check[] {
  return [
    nodeCheck(),
    diskCheck(context),
    clockCheck(context, () => databaseNowMs(context)),
    ...portChecks(context),
    configurationCheck(file, context),
    ...environmentChecks(context),
    databaseCheck(context),
    workerCheck(context),
    collectorCheck(context),
    redisCheck(context),
    sentryCheck(context, sentryTest === true),
  ];
}

async function doctor(options: DoctorOptions, context: CliContext): Promise<ExitCode> {
  const findings = await runChecks(allChecks(options, context), CHECK_LIMIT_MS);
  const failures = findings.filter(({ status }) => status === 'failed').length;
  if (options.json) context.out(JSON.stringify({ ok: failures === 0, findings }, null, 2));
  else render(findings, context);
  return failures > 0 ? EXIT.problem : EXIT.ok;
}

const COLOURS = { ok: 'green', warning: 'yellow', failed: 'red', skipped: 'dim' } as const;

function render(findings: readonly NamedFinding[], context: CliContext): void {
  const width = Math.max(...findings.map(({ name }) => name.length));
  for (const { name, status, message, remedy } of findings) {
    context.out(`${context.style(COLOURS[status], status.padEnd(7))}  ${name.padEnd(width)}  ${safe(message)}`);
    if (remedy !== undefined) context.out(`${' '.repeat(9 + width)}  → ${safe(remedy)}`);
  }
  const of = (status: NamedFinding['status']) => findings.filter((finding) => finding.status === status).length;
  context.out('');
  context.out(`${of('ok')} ok, ${count(of('warning'), 'warning')}, ${of('failed')} failed, ${of('skipped')} skipped`);
}
