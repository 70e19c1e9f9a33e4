import type { YAMLError } from 'yaml';
import type { Source } from './locate.ts';
import type { ConfigurationProblem } from './problems.ts';

/** What the parser's errors mean for somebody who writes configuration; others keep the parser's words. */
const KNOWN: Readonly<Record<string, { readonly message?: string; readonly remedy: string }>> = {
  DUPLICATE_KEY: { message: 'this key stands twice here', remedy: 'remove or rename one of the two' },
  TAB_AS_INDENT: { message: 'a tab indents this line', remedy: 'indent with spaces' },
  MULTIPLE_DOCS: { message: 'a second document begins here', remedy: "remove the line '---' and join the two" },
  BAD_INDENT: { remedy: 'indent the line as much as those that it belongs to' },
  MISSING_CHAR: { remedy: 'look at this line and the one above: a bracket, quote or dash is missing' },
  BAD_ALIAS: { remedy: 'define the anchor with &name above, or put the text into quotes' },
};

/** A fault of the YAML itself as a problem. */
export function yamlProblem(error: YAMLError, { name, lines }: Source): ConfigurationProblem {
  const { line, col } = lines.linePos(error.pos[0]);
  const known = KNOWN[error.code];
  const message = known?.message ?? lowerFirst(error.message);
  const remedy = known?.remedy ?? 'mend the YAML here, or in the line above';
  return { file: name, line, column: col, path: '(file)', message: `is not right YAML: ${message}`, remedy };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
