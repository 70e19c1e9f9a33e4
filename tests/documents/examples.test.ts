import { clearwaySchema } from '@clearway/gateway';
import { loadConfiguration } from '@clearway/kernel';
import { describe, expect, test } from '@jest/globals';
import path from 'node:path';
import ts from 'typescript';
import { readDocuments, ROOT, type Block } from './support/documents.ts';

const blocks = readDocuments().flatMap((document) => document.blocks);
const where = ({ document, line }: Block): string => `${document}:${line}`;

/** Where a user's service would stand: it resolves what such a service has installed. */
const SERVICE = path.join(ROOT, 'examples/tracks-service/src');

describe('the examples of the guides', () => {
  const configurations = blocks.filter(({ language, text }) => language === 'yaml' && text.startsWith('version: 1'));

  test.each(configurations.map((block) => [where(block), block] as const))(
    'are configurations that the gateway takes: %s',
    (_, { text }) => {
      const withoutIncludes = text.replace(/^include:.*$/m, '');
      const readFile = (name: string) => ({ name, text: withoutIncludes });
      const options = { file: 'clearway.yaml', readFile, variables: {} };
      expect(() => loadConfiguration(clearwaySchema, options)).not.toThrow();
    },
  );

  test('are TypeScript that compiles in a service, and a name that is not exported would be noticed', () => {
    const programs = blocks.filter(({ document, language }) => language === 'ts' && document.startsWith('docs/'));
    expect(programs.length).toBeGreaterThan(0);
    const text = "import { withSpans } from '@clearway/telemetry';\nwithSpans;\n";
    const faulty: Block = { document: 'made-up.md', line: 1, language: 'ts', flags: [], text };
    expect(compile([...programs, faulty])).toEqual([expect.stringContaining("no exported member named 'withSpans'")]);
  }, 240_000);
});

/** Type checks blocks as files of a service. Returns what is wrong, with the block that it is in. */
function compile(programs: readonly Block[]): string[] {
  const files = new Map(programs.map((block, i) => [path.join(SERVICE, `block-${i}.ts`), block]));
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
    customConditions: ['@clearway/source'],
    types: ['node'],
    allowImportingTsExtensions: true,
    strict: true,
    skipLibCheck: true,
    noEmit: true,
  };
  const disk = ts.createCompilerHost(options);
  const blockAt = (name: string) => files.get(path.normalize(name));
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (name) => blockAt(name) !== undefined || disk.fileExists(name),
    readFile: (name) => blockAt(name)?.text ?? disk.readFile(name),
    getSourceFile: (name, version, ...rest) => {
      const block = blockAt(name);
      return block ? ts.createSourceFile(name, block.text, version) : disk.getSourceFile(name, version, ...rest);
    },
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files].flatMap(([name, block]) => {
    const source = program.getSourceFile(name);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ messageText }) => `${where(block)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
  });
}
