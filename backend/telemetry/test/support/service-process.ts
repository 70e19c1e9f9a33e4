import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A service in a process of its own, run from its TypeScript source. */
export interface ServiceProcess {
  readonly url: string;
  /** Its log lines so far. */
  lines(): Record<string, unknown>[];
  /** Ends it and resolves to its exit code. */
  stop(): Promise<number | null>;
  /** Resolves to its exit code when it ended by itself. */
  readonly exited: Promise<number | null>;
}

/** Starts the fixture `service.ts` with these variables. */
export async function startServiceProcess(variables: Record<string, string>): Promise<ServiceProcess> {
  let output = '';
  const child = fork(new URL('../fixtures/service.ts', import.meta.url), {
    execArgv: ['-C', '@clearway/source', '--disable-warning=ExperimentalWarning'],
    env: { ...process.env, OTEL_SERVICE_NAME: 'fixture', ...variables },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  // not 'exit', before which not all may have been read
  const exited = once(child, 'close').then(([code]) => code as number | null);
  const address = await Promise.race([once(child, 'message').then(([message]) => message as { port: number }), exited]);
  if (address === null || typeof address === 'number') throw new Error(`the service ended: ${output}`);
  return {
    url: `http://127.0.0.1:${address.port}`,
    lines: () =>
      output
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
    exited,
  };
}
