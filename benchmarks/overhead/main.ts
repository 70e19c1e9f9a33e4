import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeMachine, describeVersions } from './machine.ts';
import { readOptions, USAGE } from './options.ts';
import { openHelpers } from './processes.ts';
import { BAR, renderBar, renderResults, results } from './report.ts';
import { makeRun } from './run-slices.ts';
import { ROOT } from './start-servers.ts';
import { writeResults } from './write-results.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/**
 * Makes one run of the benchmark, prints its table and writes its results.
 *
 * @param args the command line
 * @throws Error when a run cannot be made, or cannot be believed
 */
export async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options.help) return print(USAGE);
  const machine = describeMachine();
  if (options.build) build();
  const helpers = openHelpers();
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void helpers.stop().finally(() => process.exit(130)));
  }
  try {
    const run = await makeRun(options, helpers, { folder, print });
    const servers = results(options.servers, run.slices);
    print(`\n${renderResults(servers)}\n`);
    const bar = renderBar(servers);
    if (bar !== undefined) print(bar);
    if (options.write) {
      const file = writeResults({
        command: commandOf(args),
        machine: { ...machine, loadAverageAtEnd: describeMachine().loadAverage },
        placement: helpers.placement,
        versions: describeVersions(ROOT),
        options,
        bar: BAR,
        generator: run.generator,
        facts: run.facts,
        servers,
        slices: run.slices,
      });
      print(`written to ${path.relative(process.cwd(), file)}`);
    }
  } finally {
    await helpers.stop();
  }
}

/** What is measured is what the sources say now. */
function build(): void {
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-b', 'backend/api-gateway'], { cwd: ROOT, stdio: 'inherit' });
}

function commandOf(args: readonly string[]): string {
  return ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
}
