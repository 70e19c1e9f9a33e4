import type { Command } from '@commander-js/extra-typings';
import type { CliContext } from '../context.ts';
import type { Finish } from '../program.ts';
import { httpUrl, workerUrl } from '../operations/client.ts';
import { momentOf } from '../operations/moment.ts';
import { listAudit } from './list.ts';

const EXAMPLES = `
The worker is asked with the token OPERATIONS_TOKEN; on loopback without OPERATIONS_TOKENS none is needed. Entries are kept for a year.

Examples
  clearway audit --since 24h                         what operators changed since yesterday
  clearway audit --subject job:nightly-import        who paused, resumed, ran or cancelled this job
  clearway audit --subject dead-letters              who replayed, discarded or exported in bulk
  clearway audit --action dead-letter --actor ada    what Ada did to dead letters
  clearway audit --action job.pause --json           all pauses, for scripts
`;

/** Adds `clearway audit`. */
export function addAuditCommand(program: Command, context: CliContext, finish: Finish): void {
  const moment = (text: string): string => momentOf(text, context.clock.nowMs());
  program
    .command('audit')
    .summary('see who changed what, when and why')
    .description('Lists what operators changed, newest first: who did it, to what, when and why.')
    .option('-u, --url <url>', 'address of the worker', httpUrl, workerUrl(context))
    .option('--subject <subject>', 'only of this: job:ID, dead-letter:ID, replay:ID, dead-letters, …')
    .option('--actor <text>', 'only of whom this text names')
    .option('--action <action>', 'only this action, such as job.pause, or all of a kind, such as job')
    .option('--since <time>', 'at this time or later: 2026-11-22T08:00:00Z, or 30m, 2h, 7d ago', moment)
    .option('--until <time>', 'before this time', moment)
    .option('--limit <count>', 'how many, at most 500', '50')
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', EXAMPLES)
    .action(async (options) => finish(await listAudit(context, options)));
}
