import path from 'node:path';
import { build } from './build.ts';
import { EXIT_CONFIGURATION, StartFailure, type Context } from './context.ts';
import { embeddedMayRun, migrate, openDatabases, seedExample, type Databases } from './databases.ts';
import { develop } from './develop.ts';
import { firstRequest } from './first-request.ts';
import { takeLock, type StartLock } from './lock.ts';
import type { StackOptions } from './options.ts';
import type { Output } from './output.ts';
import { portProblems, renderPortProblems, type WantedPort } from './ports.ts';
import { stackProcesses, type StackProcess } from './processes.ts';
import { waitUntilReady } from './ready.ts';
import { wantedPorts, type Settings } from './settings.ts';
import { onStopSignals } from './signals.ts';
import { Supervisor, type Ending } from './supervisor.ts';
import { addresses, renderAddresses, renderNextSteps, renderRunning } from './table.ts';

const EXIT_KILLED = 130;
/** For a process to drain and to send what its telemetry holds. */
const GRACE_MS = 15_000;
const FLUSH_MS = 5000;
/** What a start that was killed left behind drains for about as long. */
const LEFT_BEHIND_LIMIT_MS = 10_000;

/**
 * Starts everything, keeps it running until it is told to stop or a process ends, and stops it in reverse order.
 *
 * @returns the exit code
 * @throws StartFailure when something is in the way
 */
export async function run(settings: Settings, options: StackOptions, output: Output): Promise<number> {
  const taken = takeLock(path.join(settings.dataDirectory, 'start.lock'));
  if ('holder' in taken) {
    output.print(renderRunning(taken.holder));
    return 0;
  }
  const { lock } = taken;
  process.once('exit', () => lock.release());
  return supervise(settings, options, output, lock);
}

async function supervise(settings: Settings, options: StackOptions, output: Output, lock: StartLock): Promise<number> {
  const { promise: asked, resolve: ask } = Promise.withResolvers<number>();
  const abort = new AbortController();
  const end = (code: number) => {
    abort.abort();
    ask(code);
  };
  const supervisor = new Supervisor({
    graceMs: graceMs(settings),
    onLine: (name, line, stream) => output.childLine(name, line, stream),
    onEnd: (ending) => {
      output.error(describeEnding(ending));
      if (!(options.watch && settled)) end(ending.code || 1);
      else output.print('  waiting for a change');
    },
  });
  let settled = false;
  let databases: Databases | undefined;
  onStopSignals({
    first: () => {
      output.print('\n  Stopping (Ctrl-C again to kill)');
      end(0);
    },
    again: () => {
      supervisor.kill();
      if (databases?.embedded?.owned) process.kill(databases.embedded.pid, 'SIGINT'); // it ends by itself, after us
      process.exit(EXIT_KILLED);
    },
  });
  const context: Context = { settings, options, output, supervisor, signal: abort.signal };
  const stopWatching = await bringUp(context, lock, (opened) => (databases = opened)).then(
    (processes) => {
      settled = true;
      return options.watch ? develop(context, processes) : undefined;
    },
    (error: unknown) => {
      if (abort.signal.aborted) return undefined; // it ends anyway, and why was said
      output.error(`\n${error instanceof Error ? error.message : String(error)}`);
      end(error instanceof StartFailure ? error.exitCode : 1);
      return undefined;
    },
  );
  const code = await asked;
  stopWatching?.();
  const orderly = await takeDown(context, databases);
  return code === 0 && !orderly ? 1 : code;
}

/** A gateway that may drain for longer is not killed before. What is no number it refuses itself. */
function graceMs({ variables }: Settings): number {
  const drainMs = Number(variables['DRAIN_DELAY_MS'] ?? 0) + Number(variables['DRAIN_LIMIT_MS'] ?? 0);
  return Number.isFinite(drainMs) ? Math.max(GRACE_MS, drainMs + FLUSH_MS) : GRACE_MS;
}

async function bringUp(
  context: Context,
  lock: StartLock,
  onDatabases: (databases: Databases) => void,
): Promise<StackProcess[]> {
  const { settings, output, signal } = context;
  const startMs = performance.now();
  await checkPorts(settings, output, lock.foundStale);
  const step = async <T>(
    name: string,
    work: () => Promise<T>,
    note?: (result: T) => string | undefined,
  ): Promise<T> => {
    signal.throwIfAborted();
    const result = await output.step(name, work, note);
    signal.throwIfAborted();
    return result;
  };
  await step(
    'Build',
    () => build(settings.root, signal),
    ({ compiled }) => (compiled ? undefined : 'up to date'),
  );
  const databases = await step(
    'PostgreSQL',
    async () => {
      const opened = await openDatabases(settings).catch(explainDatabase);
      onDatabases(opened);
      return opened;
    },
    ({ embedded }) => embedded && `${embedded.version} on port ${embedded.port}`,
  );
  const rows = addresses(settings, databases.embedded?.port ?? 0);
  lock.update({ ready: false, addresses: rows });
  await step(
    'Migrations',
    () => migrate(settings.root, databases.urls),
    (count) => (count ? `${count} applied` : 'none to apply'),
  );
  await step('Example data', () => seedExample(databases.urls));
  const groups = stackProcesses(settings, databases.urls, output.interactive);
  for (const group of groups) {
    await step(group.map(({ spec }) => spec.name).join(', '), () => startGroup(context, group));
  }
  const first = await firstRequest(`http://127.0.0.1:${settings.ports.gateway}/v1/tracks`);
  lock.update({ ready: true, addresses: rows });
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  output.print(`\n  Clearway is running (ready in ${seconds} s). Ctrl-C stops it.\n\n${renderAddresses(rows)}\n`);
  output.print(`${renderNextSteps(settings, first?.status === 200 ? first.traceId : undefined)}\n`);
  output.showAllLines();
  return groups.flat();
}

/** Starts the processes of a group and waits until all are ready. */
export async function startGroup({ supervisor, signal }: Context, group: readonly StackProcess[]): Promise<void> {
  for (const { spec } of group) supervisor.start(spec);
  const all = group.flatMap(({ readyUrls, limitMs }) =>
    readyUrls.map((url) => waitUntilReady(url, { limitMs, signal })),
  );
  await Promise.all(all);
}

async function takeDown({ supervisor, output }: Context, databases: Databases | undefined): Promise<boolean> {
  const orderly = await supervisor.stop((name, outcome) => output.print(`  ${name} ${outcome}`));
  if (!databases?.embedded?.owned) return orderly;
  try {
    await databases.embedded.stop();
    output.print('  PostgreSQL stopped');
    return orderly;
  } catch (error) {
    output.error(`  ${(error as Error).message}`);
    return false;
  }
}

/** Names every port that is taken, before anything is started. */
async function checkPorts(settings: Settings, output: Output, leftBehind: boolean): Promise<void> {
  const wanted = wantedPorts(settings).filter(
    ({ variable }) => variable !== 'DATABASE_PORT' || !embeddedMayRun(settings),
  );
  let problems = await portProblems(wanted);
  if (problems.length > 0 && leftBehind) {
    problems = await output.step('Waiting for the processes of the last start to end', () => portsFreed(wanted));
  }
  if (problems.length === 0) return;
  throw new StartFailure(
    renderPortProblems(problems, (port) => port + 1000),
    EXIT_CONFIGURATION,
  );
}

async function portsFreed(wanted: readonly WantedPort[]): Promise<Awaited<ReturnType<typeof portProblems>>> {
  const endMs = performance.now() + LEFT_BEHIND_LIMIT_MS;
  for (;;) {
    const problems = await portProblems(wanted);
    if (problems.length === 0 || performance.now() > endMs) return problems;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function explainDatabase(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  throw new StartFailure(message, /DATABASE_PORT/.test(message) ? EXIT_CONFIGURATION : 1);
}

function describeEnding({ name, reason, lastLines }: Ending): string {
  const lines = lastLines.map((line) => `    ${line}`);
  return [`\n  ${name} ended by itself (${reason})${lines.length > 0 ? '. Its last lines:' : ''}`, ...lines].join('\n');
}
