import type { Style } from '../terminal/style.ts';
import { count, safe, shorten } from '../terminal/style.ts';
import { textOf } from './attributes.ts';
import { formatMs } from './milliseconds.ts';
import type { SpanNode, SpanTree } from './span-tree.ts';

const BAR_WIDTH = 24;
const MAX_SPANS = 200;
/** Deeper spans are not indented further. */
const MAX_INDENT = 12;

/**
 * The spans as an indented list, each with its start, its duration and its place in the whole.
 *
 * @param width of the lines in characters
 */
export function treeLines(tree: SpanTree, width: number, style: Style): string[] {
  const depths = depthsOf(tree);
  const shown = tree.all.slice(0, MAX_SPANS);
  const rest = tree.all.length - shown.length;
  const nameWidth = Math.max(20, width - BAR_WIDTH - 24);
  const lines = shown.map((node) => {
    const indent = '  '.repeat(Math.min(MAX_INDENT, depths.get(node) ?? 0));
    const label = shorten(`${indent}${safe(node.service)}: ${labelOf(node)}`, nameWidth);
    const times = `${formatMs(node.startMs).padStart(9)} ${formatMs(node.durationMs).padStart(9)}`;
    const bar = timeBar(node, tree.durationMs);
    return `${times}  ${style(node.failed ? 'red' : 'cyan', bar)}  ${node.failed ? style('red', label) : label}`;
  });
  return rest > 0 ? [...lines, `… ${count(rest, 'more span')}: --json has them all`] : lines;
}

function labelOf(node: SpanNode): string {
  const { attributes, kind, name } = node;
  const status = textOf(attributes['http.response.status_code']);
  const address = kind === 'client' ? textOf(attributes['server.address']) : undefined;
  const port = textOf(attributes['server.port']);
  const target = address !== undefined && port !== undefined ? `${address}:${port}` : address;
  const parts = [name, target !== undefined && `→ ${target}`, status !== undefined && `= ${status}`];
  return safe(parts.filter((part) => part !== false).join(' '));
}

function depthsOf({ roots }: SpanTree): Map<SpanNode, number> {
  const depths = new Map<SpanNode, number>();
  let level = [...roots];
  for (let depth = 0; level.length > 0; depth++) {
    for (const node of level) depths.set(node, depth);
    level = level.flatMap((node) => node.children);
  }
  return depths;
}

/** When a span ran within the whole, as a bar; at least one mark long. */
function timeBar({ startMs, durationMs }: SpanNode, totalMs: number): string {
  const scale = totalMs > 0 ? BAR_WIDTH / totalMs : 0;
  const from = Math.min(BAR_WIDTH - 1, Math.floor(startMs * scale));
  const length = Math.max(1, Math.min(BAR_WIDTH - from, Math.round(durationMs * scale)));
  return `${'·'.repeat(from)}${'█'.repeat(length)}${'·'.repeat(BAR_WIDTH - from - length)}`;
}
