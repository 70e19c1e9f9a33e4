import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { NOT_RUN } from './not-run.ts';
import { parseDocument, readDocuments, type Block, type Document } from './support/documents.ts';
import { Session } from './support/session.ts';
import { missingLine } from './support/shown-output.ts';
import { missingTools, startDocumentedStack, type DocumentedStack } from './support/stack.ts';

const START_LIMIT_MS = 300_000;
const DOCUMENT_LIMIT_MS = 240_000;

const isCommand = ({ language }: Block): boolean => ['sh', 'bash', 'shell', 'console'].includes(language);
const documents = readDocuments();
const commands = documents.flatMap(({ blocks }) => blocks.filter(isCommand));
const runs = (block: Block): boolean => isCommand(block) && !block.flags.includes('no-run');
const withCommands = documents.filter(({ blocks }) => blocks.some(runs));

/** The blocks that run, each with the output that the document shows right below it. */
function steps({ blocks }: Document): { block: Block; shown: string | undefined }[] {
  return blocks.flatMap((block, i) => {
    const next = blocks[i + 1];
    return runs(block) ? [{ block, shown: next?.language === 'text' ? next.text : undefined }] : [];
  });
}

describe('the commands of the documents', () => {
  test('that are not run have a reason, and no reason is left over', () => {
    const notRun = commands.filter((block) => !runs(block));
    expect(notRun.map(({ document, text }) => `${document}: ${text.split('\n')[0]}`).sort()).toEqual(
      Object.keys(NOT_RUN).sort(),
    );
  });

  test('are marked with flags that mean something', () => {
    const known = /^(?:no-run|eventually|problem|exit=\d+)$/;
    const unknown = commands.flatMap(({ document, line, flags }) =>
      flags.filter((flag) => !known.test(flag)).map((flag) => `${document}:${line}: ${flag}`),
    );
    expect(unknown).toEqual([]);
    expect(commands.filter(({ language }) => language !== 'sh')).toEqual([]);
  });
});

const missing = missingTools();
const describeWithTools = missing === undefined ? describe : describe.skip;

describeWithTools(`the commands of the documents${missing === undefined ? '' : `: ${missing}`}`, () => {
  let stack: DocumentedStack;

  beforeAll(async () => {
    stack = await startDocumentedStack();
    await leaveTraces(stack);
  }, START_LIMIT_MS);
  afterAll(() => stack?.stop());
  beforeEach(() => stack.restoreConfiguration());

  test.each(withCommands.map((document) => [document.name, document] as const))(
    'do what the document says: %s',
    async (_, document) => {
      const session = new Session(stack);
      for (const { block, shown } of steps(document)) await session.run(block, shown);
    },
    DOCUMENT_LIMIT_MS,
  );

  test('find the command line by npx', async () => {
    const block: Block = {
      document: 'made-up.md',
      line: 1,
      language: 'sh',
      flags: [],
      text: 'command npx clearway --version',
    };
    await new Session(stack).run(block, undefined);
  });

  test('are noticed when they fail, print something else, or are refused', async () => {
    const session = new Session(stack);
    const attempt = (markdown: string): Promise<void> => {
      const [step] = steps(parseDocument('made-up.md', markdown));
      if (!step) throw new Error('no block');
      return session.run(step.block, step.shown);
    };
    await expect(attempt('```sh\nfalse | cat\n```')).rejects.toThrow(/made-up\.md:1: ended with 1, not 0/);
    await expect(attempt('```sh\necho 201\n```\n```text\n200\n```')).rejects.toThrow(/does not print .*: 200/);
    await expect(attempt('```sh\ncurl -s http://127.0.0.1:8000/nowhere\n```')).rejects.toThrow(
      /with a problem document/,
    );
  });
});

describe('the output that a document shows', () => {
  test('may differ in what differs from time to time', () => {
    const shown =
      'Spans (8)\n  0.49 ms  ███·  GET → 127.0.0.1:4000 = 200\n  …\ntrace  80c4d2705f60e48109c579dd6b8e449f';
    const real = 'Spans (9)\n 12.1 ms  ·██   GET → 127.0.0.1:1 = 200\nmore\ntrace 1400a4cbd390a8b4633c3314e9dfc69d\n';
    expect(missingLine(shown, real)).toBeUndefined();
  });

  test('is missed in status, order and words', () => {
    expect(missingLine('200\n429', '200\n200\n')).toBe('429');
    expect(missingLine('b\na', 'a\nb\n')).toBe('a');
  });
});

const PROVEN_BACKUP = `clearway backup create --database tracks
clearway backup verify --database tracks`;

/** What the runbooks look at has happened: a request that went well, one that failed, one that was refused. */
async function leaveTraces(stack: DocumentedStack): Promise<void> {
  // the runbooks of backups begin where a good one exists
  const [backup] = steps(parseDocument('made-up.md', `\`\`\`sh\n${PROVEN_BACKUP}\n\`\`\``));
  if (backup) await new Session(stack).run(backup.block, undefined);
  const gateway = stack.withPorts('http://127.0.0.1:8000');
  const statuses: number[] = [];
  for (const path of ['/v1/tracks', '/v1/tracks/00000000-0000-7000-8000-000200000000/report', '/v2/tracks']) {
    const answer = await fetch(`${gateway}${path}`);
    await answer.arrayBuffer();
    statuses.push(answer.status);
  }
  expect(statuses).toEqual([200, 500, 404]);
}
