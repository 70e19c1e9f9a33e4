import { FAILURE_REASONS, type FailureReason } from '@clearway/kernel';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const ROOT = path.resolve(import.meta.dirname, '../../..');
/** The data plane. The admin listener and the health paths answer operators by the same classes, but no route does. */
const DATA_PLANE = ['backend/gateway/src', 'backend/api-gateway/src'];
const NOT_DATA_PLANE = /^backend\/api-gateway\/src\/(?:admin|health)\/|^backend\/api-gateway\/src\/app\.ts$/;

/**
 * The failure classes that the data plane can name: those that stand as text in its sources, since a class is named
 * there or nowhere. A class that becomes reachable is found here by the line that makes it so.
 */
export function reachableFailures(): FailureReason[] {
  const named = new Set(DATA_PLANE.flatMap(sourcesBelow).flatMap(textsOf));
  return FAILURE_REASONS.filter((reason) => named.has(reason));
}

function sourcesBelow(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll(path.sep, '/')}`)
    .filter((file) => file.endsWith('.ts') && !NOT_DATA_PLANE.test(file));
}

/** String literals and names of properties; not comments, and not types. */
function textsOf(file: string): string[] {
  const content = readFileSync(path.join(ROOT, file), 'utf8');
  if (!FAILURE_REASONS.some((reason) => content.includes(reason))) return [];
  const source = ts.createSourceFile(file, content, ts.ScriptTarget.Latest);
  const texts: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node)) return;
    if (ts.isStringLiteralLike(node)) texts.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return texts;
}
