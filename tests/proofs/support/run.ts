import { availableParallelism, totalmem } from 'node:os';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { isMet, type Proof, type ProofResult } from './proof.ts';

const EXIT_MISSED = 1;
const EXIT_USAGE = 64;
const EXIT_INTERRUPTED = 130;
const root = path.resolve(import.meta.dirname, '../../..');
const folder = path.dirname(import.meta.dirname);

const HELP = `Usage: npm run prove -- NAME [--short]

Runs a check that is too long for the tests and writes what it measured to benchmarks/results/proof-NAME.json
(not with --short). Ends with 1 when a bar is missed.

Examples:
  npm run prove                          the names
  npm run prove -- large-bodies          the whole check
  npm run prove -- large-bodies --short  the form of the tests
`;

/** @returns the exit code */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { short: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
  });
  const names = await proofNames();
  const [name] = positionals;
  if (values.help || name === undefined) {
    process.stdout.write(`${HELP}\nProofs:\n${names.map((each) => `  ${each}\n`).join('')}`);
    return 0;
  }
  if (!names.includes(name)) {
    process.stderr.write(`There is no proof "${name}". There are: ${names.join(', ')}.\n`);
    return EXIT_USAGE;
  }
  const { proof } = (await import(path.join(folder, `${name}.ts`))) as { proof: Proof };
  return prove(name, proof, values.short);
}

async function proofNames(): Promise<string[]> {
  const entries = await readdir(folder);
  return entries.filter((entry) => /^[a-z-]+\.ts$/.test(entry)).map((entry) => entry.slice(0, -'.ts'.length));
}

async function prove(name: string, proof: Proof, isShort: boolean): Promise<number> {
  const started = Date.now();
  const seconds = (): number => Math.round((Date.now() - started) / 100) / 10;
  const progress = (text: string): void => void process.stderr.write(`${String(seconds()).padStart(7)} s  ${text}\n`);
  process.stdout.write(`${proof.guarantee}\n`);
  const result = await proof.run({ isShort, progress, signal: interruption() });
  for (const bar of result.bars) {
    const verdict = isMet(bar) ? 'met   ' : 'MISSED';
    process.stdout.write(`${verdict}  ${bar.bar}: ${bar.measured} (${bar.kind} ${bar.limit})\n`);
  }
  if (!isShort) await keep(name, proof, result, seconds());
  return result.bars.length > 0 && result.bars.every(isMet) ? 0 : EXIT_MISSED;
}

/** The first Ctrl-C lets the proof clean up, the second ends it. */
function interruption(): AbortSignal {
  const abort = new AbortController();
  process.once('SIGINT', () => {
    abort.abort(new Error('interrupted'));
    process.once('SIGINT', () => process.exit(EXIT_INTERRUPTED));
  });
  return abort.signal;
}

async function keep(name: string, proof: Proof, result: ProofResult, durationSeconds: number): Promise<void> {
  const document = {
    proof: name,
    command: `npm run prove -- ${name}`,
    guarantee: proof.guarantee,
    date: new Date().toISOString(),
    durationSeconds,
    machine: {
      node: process.version,
      processors: availableParallelism(),
      memoryGibibytes: Math.round(totalmem() / 2 ** 30),
    },
    bars: result.bars.map((bar) => ({ ...bar, isMet: isMet(bar) })),
    measurements: result.measurements,
  };
  const file = path.join(root, 'benchmarks/results', `proof-${name}.json`);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(document, null, 2)}\n`);
  process.stdout.write(`kept in ${path.relative(process.cwd(), file)}\n`);
}

process.exitCode = await main();
// what a proof left open must not keep the command from ending
process.exit();
