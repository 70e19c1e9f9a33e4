import type { CliContext } from '../../context.ts';
import { count, safe } from '../../terminal/style.ts';
import type { Change, Comparison } from './compare.ts';

const SHOWN_SETTINGS = 8;
const KINDS: Readonly<Record<Change['kind'], string>> = {
  route: 'another route',
  answer: 'another answer',
  policy: 'other policies or limits',
};

/** Prints what would be different. */
export function renderComparison(
  { requests, unchanged, undecided, dependsOn, changes, server }: Comparison,
  asked: { file: string; url: string; from: string | undefined; to: string | undefined },
  context: CliContext,
): void {
  const { style } = context;
  const out = (line = ''): void => context.out(line);
  const isSame = changes.length === 0;
  const mark = isSame ? style('green', 'ok') : style('yellow', 'changes');
  const period = asked.from === undefined ? '' : ` (${asked.from} to ${asked.to})`;
  out(`${mark}  ${asked.file} against ${count(requests, 'recent request')} of ${asked.url}${period}`);
  out();
  out(`  ${String(unchanged).padStart(5)}  as they were`);
  for (const change of changes) renderChange(change, context);
  if (undecided > 0) {
    out(`  ${String(undecided).padStart(5)}  cannot be told: they depend on ${dependsOn.map(safe).join(', ')}`);
    out(`         (records hold neither headers nor query values)`);
  }
  if (server.length > 0) {
    out();
    out('  For all requests:');
    for (const line of shortened(server)) out(`    ${safe(line)}`);
  }
}

function renderChange({ kind, from, to, because, count: n, examples }: Change, context: CliContext): void {
  const { style } = context;
  const out = (line: string): void => context.out(line);
  out('');
  out(`  ${String(n).padStart(5)}  ${style('bold', KINDS[kind])}: ${safe(from)} → ${safe(to)}`);
  for (const line of shortened(because)) out(`           ${safe(line)}`);
  for (const { request, id } of examples) out(`           ${style('dim', `such as ${safe(request)}  (${safe(id)})`)}`);
}

function shortened(lines: readonly string[]): string[] {
  const more = lines.length - SHOWN_SETTINGS;
  return more > 0 ? [...lines.slice(0, SHOWN_SETTINGS), `and ${count(more, 'more setting')}`] : [...lines];
}
