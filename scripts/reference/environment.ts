import { describeEnvironment, type DescribedVariable, type EnvironmentShape } from '@clearway/kernel';
import { code, markdownTable, page } from './markdown.ts';

/** Who reads which variables. */
export interface EnvironmentReader {
  /** Such as `gateway`. */
  readonly name: string;
  readonly shape: EnvironmentShape;
}

const INTRODUCTION = `What differs by deployment, and secrets, come from variables; everything else is in \`clearway.yaml\`.
\`npm start\` also reads \`.env\`, where variables of the process win. An empty value counts as unset. All faults are
reported at once before anything is opened, with exit status 78. \`clearway doctor\` checks them without starting.`;

/** docs/reference/environment.md: every variable once, with who reads it. */
export function environmentPage(readers: readonly EnvironmentReader[]): string {
  const variables = new Map<string, DescribedVariable>();
  for (const { shape } of readers) for (const entry of describeEnvironment(shape)) variables.set(entry.name, entry);
  const readBy = (name: string) => readers.filter(({ shape }) => name in shape).map((reader) => reader.name);
  const sections = [...Map.groupBy(variables.values(), ({ section }) => section)].map(([section, entries]) => {
    const rows = entries.map((entry) => [
      code(entry.name),
      defaultText(entry),
      readBy(entry.name).join(', '),
      meaning(entry),
    ]);
    return `## ${section}\n\n${markdownTable(['Variable', 'Default', 'Read by', 'Meaning'], rows)}`;
  });
  return page('Environment', INTRODUCTION, ...sections);
}

function defaultText(entry: DescribedVariable): string {
  return entry.required ? 'required' : code(entry.default ?? '');
}

function meaning({ description, secret, example }: DescribedVariable): string {
  const notes = [secret && 'Secret: never shown.', example !== undefined && `Example: ${code(example)}`];
  return [description, ...notes.filter((note) => note !== false)].join(' ');
}
