import {
  deadLetterGroupListSchema,
  deadLetterListSchema,
  deadLetterSchema,
  replayListSchema,
  type DeadLetterGroup,
} from '@clearway/contracts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { workerOf } from '../operations/client.ts';
import { table, type Column } from '../terminal/table.ts';
import {
  GROUP_COLUMNS,
  groupRow,
  LETTER_COLUMNS,
  letterLines,
  letterRow,
  REPLAY_COLUMNS,
  replayLines,
  replayRow,
} from './render.ts';
import { followReplay, readReplay } from './follow.ts';
import { queryOf, type Conditions } from './selection.ts';

/** What all of these commands take. */
export interface ShowOptions {
  readonly url: string;
  readonly json?: true | undefined;
}

/** What `clearway dead-letters list` takes. */
export interface ListOptions extends ShowOptions, Conditions {
  readonly discarded: string;
  readonly limit: string;
}

/** What `clearway dead-letters groups` takes. */
export interface GroupOptions extends ShowOptions {
  readonly job?: string | undefined;
  readonly all?: true | undefined;
}

/** What `clearway dead-letters replays` takes. */
export interface ReplaysOptions extends ShowOptions {
  readonly follow?: true | undefined;
  readonly limit: string;
}

/** `clearway dead-letters list`. */
export async function listLetters(context: CliContext, { url, json, ...search }: ListOptions): Promise<ExitCode> {
  const path = `/api/dead-letters?${queryOf(search)}`;
  const page = await workerOf(context, url).get(path, deadLetterListSchema);
  const letters = page?.deadLetters ?? [];
  if (json) context.out(JSON.stringify(letters, null, 2));
  else if (letters.length === 0) context.out('No such dead letters.');
  else print(context, LETTER_COLUMNS, letters, letterRow);
  if (page?.nextCursor !== undefined) {
    context.error(`There are more than ${letters.length}: raise --limit, or see clearway dead-letters groups.`);
  }
  return EXIT.ok;
}

const GROUPS = 200;

/** `clearway dead-letters groups`. */
export async function listGroups(context: CliContext, { url, json, job, all }: GroupOptions): Promise<ExitCode> {
  const path = `/api/dead-letters/groups?${queryOf({ job }, { limit: String(GROUPS) })}`;
  const page = await workerOf(context, url).get(path, deadLetterGroupListSchema);
  const groups = (page?.groups ?? []).filter((group) => all === true || isOpen(group));
  if (json) context.out(JSON.stringify(groups, null, 2));
  else if (groups.length === 0) context.out('No dead letters wait for anybody.');
  else print(context, GROUP_COLUMNS, groups, groupRow);
  if (page?.nextCursor !== undefined) context.error(`Of more than ${GROUPS} groups, those that were seen last.`);
  return EXIT.ok;
}

function isOpen({ counts }: DeadLetterGroup): boolean {
  return counts.pending + counts.processing + counts.failed > 0;
}

/** `clearway dead-letters show`. */
export async function showLetter(context: CliContext, id: string, { url, json }: ShowOptions): Promise<ExitCode> {
  const letter = await workerOf(context, url).get(`/api/dead-letters/${encodeURIComponent(id)}`, deadLetterSchema);
  if (!letter) return unknown(context, `dead letter "${id}"`, 'clearway dead-letters list');
  if (json) context.out(JSON.stringify(letter, null, 2));
  else for (const line of letterLines(letter, context.style)) context.out(line);
  return EXIT.ok;
}

/** `clearway dead-letters replays`. */
export async function showReplays(
  context: CliContext,
  id: string | undefined,
  { url, json, follow, limit }: ReplaysOptions,
): Promise<ExitCode> {
  if (id !== undefined && follow) return followReplay(context, url, id, json === true);
  if (id === undefined) {
    const page = await workerOf(context, url).get(`/api/dead-letters/replays?limit=${limit}`, replayListSchema);
    const replays = page?.replays ?? [];
    if (json) context.out(JSON.stringify(replays, null, 2));
    else if (replays.length === 0) context.out('Nothing has been replayed yet.');
    else print(context, REPLAY_COLUMNS, replays, replayRow);
    return EXIT.ok;
  }
  const replay = await readReplay(context, url, id);
  if (!replay) return unknown(context, `replay "${id}"`, 'clearway dead-letters replays');
  if (json) context.out(JSON.stringify(replay, null, 2));
  else for (const line of replayLines(replay, context.style)) context.out(line);
  return EXIT.ok;
}

/** Says that there is no such thing. */
export function unknown(context: CliContext, what: string, list: string): ExitCode {
  context.error(`There is no ${what}; see ${list}.`);
  return EXIT.problem;
}

function print<T>(
  context: CliContext,
  columns: readonly Column[],
  items: readonly T[],
  row: (item: T, style: CliContext['style']) => string[],
): void {
  const rows = items.map((item) => row(item, context.style));
  for (const line of table(columns, rows)) context.out(line);
}
