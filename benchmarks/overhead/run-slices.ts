import { once } from 'node:events';
import { PATHS } from './answers.ts';
import { checkAnswers } from './check-answers.ts';
import { openGenerator } from './generator.ts';
import { measureSlice, type Slice } from './measure.ts';
import type { Options } from './options.ts';
import type { Helpers } from './processes.ts';
import type { Server } from './server.ts';
import { startServers } from './start-servers.ts';

/** All that a run yields. */
export interface Run {
  readonly generator: string;
  /** The slices of all servers, in the order in which they were made. */
  readonly slices: readonly Slice[];
  /** Counts by server: what its receivers got. */
  readonly facts: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/**
 * Starts everything, checks every answer, warms up, and loads the servers in turn: one slice each, round after round, so
 * that what disturbs the machine disturbs all alike.
 *
 * @throws Error when an answer is wrong, a slice has errors, or signals are missing
 */
export async function makeRun(
  options: Options,
  helpers: Helpers,
  { folder, print }: { folder: string; print: (line: string) => void },
): Promise<Run> {
  const generator = openGenerator(options, helpers, folder);
  const upstream = await startUpstream(options, helpers);
  const servers = await startServers(options, helpers, { upstream, folder });
  print(`${generator.name} on CPU ${helpers.placement.loadCpus.join(',')}, servers on ${helpers.placement.serverCpu}`);
  for (const server of servers) refuse(await checkAnswers(server, upstream));
  const order = { connections: options.connections, bodyBytes: options.bodyBytes };
  const round = async (seconds: number): Promise<Slice[]> => {
    const slices: Slice[] = [];
    for (const server of servers) {
      slices.push(await measureSlice(server, generator, helpers.placement, { ...order, seconds }));
    }
    return slices;
  };
  const warmUp = await round(options.warmUpSeconds);
  const slices: Slice[] = [];
  for (let i = 1; i <= options.slices; i++) {
    const made = await round(options.sliceSeconds);
    print(`slice ${i} of ${options.slices}: ${made.map(describe).join(', ')}`);
    slices.push(...made);
  }
  const facts = await verifyAll(servers, [...warmUp, ...slices]);
  return { generator: generator.name, slices, facts };
}

async function startUpstream(options: Options, helpers: Helpers): Promise<string> {
  const [{ port }] = (await once(helpers.fork('upstream.ts', [String(options.bodyBytes)]), 'message')) as [
    { port: number },
  ];
  return `http://127.0.0.1:${port}`;
}

async function verifyAll(servers: readonly Server[], slices: readonly Slice[]): Promise<Run['facts']> {
  const facts: Record<string, Readonly<Record<string, number>>> = {};
  for (const server of servers) {
    const own = slices.filter((slice) => slice.server === server.name);
    const verification = await server.verify?.({
      requests: own.reduce((sum, { requests }) => sum + requests, PATHS.length + 1),
      cutOff: own.reduce((sum, { cutOff }) => sum + cutOff, 0),
    });
    if (verification === undefined) continue;
    refuse(verification.problems.map((problem) => `${server.name}: ${problem}`));
    facts[server.name] = verification.facts;
  }
  return facts;
}

function describe({ server, cpuMicros }: Slice): string {
  return `${server} ${cpuMicros.toFixed(1)} µs`;
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(`not measured:\n${problems.slice(0, 5).join('\n')}`);
}
