import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT, type Block } from './documents.ts';
import { missingLine } from './shown-output.ts';
import type { DocumentedStack } from './stack.ts';

/** Where a placeholder of the documents, such as `<trace-id>`, finds its value in what was printed before. */
const PRINTED = {
  'trace-id': /(?:^Trace-Id: |"traceId":")([0-9a-f]{32})/gim,
  'track-id': /"id":"([0-9a-f-]{36})"(?=,"title")/g,
  'backup-id': /\b(\d{8}T\d{6}Z-tracks-[0-9a-f]{6})\b/g,
  'restore-id': /\b(\d{8}T\d{6}Z-restore-[0-9a-f]{6})\b/g,
  recipient: /\b(age1[a-z0-9]{58})\b/g,
};

/** What a command left behind. */
interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

const EVENTUALLY_MS = 30_000;
const POLL_MS = 100;
/** Programs that the clone has installed. */
const PROGRAMS = path.join(ROOT, 'node_modules/.bin');
/** What npx finds, without the second that npm takes each time to look for it. */
const NPX = 'npx() { "$@"; }\n';
const PROBLEM = /"type":"urn:[a-z]+:problem:/;

/**
 * Runs the blocks of one document in turn, as a reader would: what a block prints fills the placeholders of later ones.
 * A block's flags say what is to be expected: `exit=1`, `problem` for an answer that is a problem document, and
 * `eventually` for what takes a moment.
 */
export class Session {
  readonly #stack: DocumentedStack;
  /** What the placeholders stand for: the last that was printed. */
  readonly #printed = new Map<string, string>();

  constructor(stack: DocumentedStack) {
    this.#stack = stack;
  }

  /**
   * Runs a block.
   *
   * @param shown the output that the document shows below it
   * @throws Error that says what was expected and what came
   */
  async run(block: Block, shown: string | undefined): Promise<void> {
    const untilMs = performance.now() + (block.flags.includes('eventually') ? EVENTUALLY_MS : 0);
    for (;;) {
      const outcome = await this.#execute(this.#fill(block));
      const problem = problemOf(block, outcome, shown);
      if (problem === undefined) return;
      if (performance.now() > untilMs) {
        throw new Error(`${block.document}:${block.line}: ${problem}\n$ ${block.text}\n${outcome.output}`);
      }
      await sleep(POLL_MS);
    }
  }

  #fill({ document, line, text }: Block): string {
    const filled = text.replace(/<([a-z-]+)>/g, (placeholder, name: string) => {
      const value = this.#printed.get(name);
      if (value !== undefined) return value;
      throw new Error(`${document}:${line}: nothing before it printed what ${placeholder} stands for`);
    });
    return this.#stack.withPorts(filled);
  }

  async #execute(text: string): Promise<Outcome> {
    const { folder, variables } = this.#stack;
    const child = spawn('bash', ['--norc', '-euo', 'pipefail', '-c', NPX + text], {
      cwd: folder,
      env: { ...variables, PATH: [PROGRAMS, variables['PATH']].join(path.delimiter) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (chunk: Buffer) => (output += chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const [code] = (await once(child, 'close')) as [number | null];
    for (const [name, pattern] of Object.entries(PRINTED)) {
      const value = [...output.matchAll(pattern)].at(-1)?.[1];
      if (value !== undefined) this.#printed.set(name, value);
    }
    return { code, output };
  }
}

function problemOf({ flags }: Block, { code, output }: Outcome, shown: string | undefined): string | undefined {
  const expected = Number(flags.find((flag) => flag.startsWith('exit='))?.slice(5) ?? 0);
  if (code !== expected) return `ended with ${code}, not ${expected}`;
  if (PROBLEM.test(output) !== flags.includes('problem')) {
    return flags.includes('problem')
      ? 'was not answered with a problem document'
      : 'was answered with a problem document';
  }
  const missing = shown === undefined ? undefined : missingLine(shown, output);
  return missing === undefined ? undefined : `does not print what the document shows: ${missing}`;
}
