import type { Command as TypedCommand } from '@commander-js/extra-typings';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { CliContext } from '../context.ts';
import { httpUrl, workerUrl } from '../operations/client.ts';
import type { Finish } from '../program.ts';
import { cancelReplay, discard, replay, type BulkOptions, type ChangeOptions, type ReplayOptions } from './change.ts';
import { exportLetters, type ExportOptions } from './export.ts';
import { withConditions } from './selection.ts';
import {
  listGroups,
  listLetters,
  showLetter,
  showReplays,
  type GroupOptions,
  type ListOptions,
  type ReplaysOptions,
  type ShowOptions,
} from './show.ts';

const EXAMPLES = `
Events, errors and their texts are shown to operators only: the worker is asked with the token OPERATIONS_TOKEN; on loopback
without OPERATIONS_TOKENS none is needed. Every change is kept in the audit (clearway audit) with your name and your reason.

Examples
  clearway dead-letters groups                                      what fails, how often, since when
  clearway dead-letters list --job nightly-import --since 2h        the letters of a job
  clearway dead-letters show 0b9f6a5e-…                             event, error, stack, trace, tries
  clearway dead-letters replay 0b9f6a5e-… --reason "fixed in 2.1"   one, now
  clearway dead-letters replay 0b9f6a5e-… --input '{"trackId":7}' --reason "a typo in the id"
  clearway dead-letters replay --signature 1b0c5f9e7d3a2468 --reason "the store is back"
                                                                    a group: one, then a few, then the rest
  clearway dead-letters discard --job old-import --until 30d --reason "superseded" --yes
  clearway dead-letters export --job nightly-import --output letters.ndjson
`;

/** Adds `clearway dead-letters`. */
export function addDeadLettersCommand(program: TypedCommand, context: CliContext, finish: Finish): void {
  // without the inference of option types: chains of so many take the compiler minutes
  const deadLetters = (program as unknown as Command)
    .command('dead-letters')
    .summary('see, replay, discard and export events that failed for good')
    .description(
      'Shows events that failed for good, and lets an operator run them again, give them up or take them along.',
    )
    .addHelpText('after', EXAMPLES);
  const plain = (name: string, summary: string): Command =>
    deadLetters
      .command(name)
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
      .option('-u, --url <url>', 'address of the worker', httpUrl, workerUrl(context));
  const sub = (name: string, summary: string): Command =>
    plain(name, summary).option('--json', 'print JSON, for scripts');
  const changing = (name: string, summary: string): Command =>
    sub(name, summary).requiredOption('--reason <text>', 'why, for the audit');
  const inBulk = (name: string, summary: string): Command =>
    withConditions(changing(name, summary), context)
      .option('--dry-run', 'only say which dead letters are meant')
      .option('-y, --yes', 'do not ask');

  withConditions(sub('list', 'list dead letters, newest first'), context)
    .addOption(discardedOption())
    .option('--limit <count>', 'how many, at most 500', '20')
    .action(async (options: ListOptions) => finish(await listLetters(context, options)));
  sub('groups', 'list dead letters by how they failed')
    .option('--job <job>', 'only of this job')
    .option('--all', 'also groups that nobody has to look at any more')
    .action(async (options: GroupOptions) => finish(await listGroups(context, options)));
  sub('show', 'show one dead letter with its event, its error and its tries')
    .argument('<dead-letter>', 'id of the dead letter')
    .action(async (id: string, options: ShowOptions) => finish(await showLetter(context, id, options)));
  inBulk('replay', 'run events again: one, some, a group, or what the options mean')
    .argument('[dead-letters...]', 'ids of dead letters')
    .option('--input <json>', 'run one with this input instead')
    .option('--input-file <file>', 'run one with the input in this file instead')
    .option('--no-canary', 'do not begin with one, then a few')
    .option('--few <count>', 'how many the second stage of a canary has', whole(1, 1000), 10)
    .option('--rate <events>', 'how many a second at most', rate, 10)
    .option('--retries <count>', 'further tries of each event; as the job says when left out', whole(0, 50))
    .addOption(
      new Option('--stop-on <what>', 'what stops it')
        .choices(['same-signature', 'any-failure'] as const)
        .default('same-signature' as const),
    )
    .option('-d, --detach', 'do not wait for its end')
    .action(async (ids: string[], options: ReplayOptions) => finish(await replay(context, ids, options)));
  sub('replays', 'list replays, or show one')
    .argument('[replay]', 'id of the replay')
    .option('-f, --follow', 'show it until it ends')
    .option('--limit <count>', 'how many', '20')
    .action(async (id: string | undefined, options: ReplaysOptions) => finish(await showReplays(context, id, options)));
  changing('cancel-replay', 'end a replay: what has not begun goes back to its dead letters')
    .argument('<replay>', 'id of the replay')
    .action(async (id: string, options: ChangeOptions) => finish(await cancelReplay(context, id, options)));
  inBulk('discard', 'give dead letters up: one, some, a group, or what the options mean')
    .argument('[dead-letters...]', 'ids of dead letters')
    .action(async (ids: string[], options: BulkOptions) => finish(await discard(context, ids, options)));
  withConditions(plain('export', 'write dead letters whole, one JSON document a line'), context)
    .addOption(discardedOption())
    .option('-o, --output <file>', 'write to this file; to the standard output when left out')
    .action(async (options: ExportOptions) => finish(await exportLetters(context, options)));
}

function discardedOption() {
  return new Option('--discarded <which>', 'whether discarded ones are meant')
    .choices(['exclude', 'include', 'only'] as const)
    .default('exclude' as const);
}

function whole(least: number, most: number) {
  return (text: string): number => {
    if (/^\d+$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
  };
}

function rate(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0.1 && value <= 1000) return value;
  throw new InvalidArgumentError('Give a number from 0.1 to 1000.');
}
