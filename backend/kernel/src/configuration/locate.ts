import { isAlias, isMap, isScalar, isSeq, type Document, type LineCounter, type Node, type Pair } from 'yaml';

/** A parsed file of the configuration. */
export interface Source {
  readonly name: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

export type Path = readonly (string | number)[];

/** Where a part of the merged configuration was written. */
export interface Origin {
  readonly source: Source;
  readonly path: Path;
}

/** The place of a path in its file; of its nearest written ancestor when it is not written itself. */
export function locate(
  origin: Origin,
  what: 'value' | 'key' | 'parent',
): { file: string; line: number; column: number } {
  const { document, lines, name } = origin.source;
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  origin.path.forEach((key, i) => {
    const isLast = i === origin.path.length - 1;
    const pair: Pair<Node, Node | null> | undefined = isMap<Node, Node | null>(node)
      ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
      : undefined;
    const child = pair ? pair.value : isSeq(node) ? node.items[Number(key)] : undefined;
    const target = pair && (!isLast || what === 'key' || !isNode(child)) ? pair.key : child;
    if (isNode(target)) offset = target.range?.[0] ?? offset;
    node = isAlias(child) ? child.resolve(document) : child;
  });
  const { line, col } = lines.linePos(offset);
  return { file: name, line, column: col };
}

function isNode(value: unknown): value is Node {
  return value !== null && typeof value === 'object' && 'range' in value;
}

/** A path as people write it: `routes[2].match.path`. */
export function pathText(path: Path): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('') || '(file)';
}
