import { createServer } from 'node:net';

/** A port that one of the processes is going to listen on, and the variable that moves it. */
export interface WantedPort {
  readonly name: string;
  readonly variable: string;
  readonly port: number;
}

/** Why a port cannot be used, for people; undefined when it can. */
export type PortProblem = WantedPort & { readonly message: string };

const PROBE_HOSTS = ['127.0.0.1', '0.0.0.0'];

/**
 * Finds out which ports cannot be listened on: taken by another process, wanted twice, or reserved to root.
 *
 * @example
 * const problems = await portProblems([{ name: 'gateway', variable: 'GATEWAY_PORT', port: 8000 }]);
 */
export async function portProblems(wanted: readonly WantedPort[]): Promise<PortProblem[]> {
  const problems = await Promise.all(
    wanted.map(async (want, i): Promise<PortProblem | undefined> => {
      if (want.port === 0) return undefined;
      const twin = wanted.slice(0, i).find((other) => other.port === want.port);
      if (twin)
        return {
          ...want,
          message: `port ${want.port} is wanted by ${twin.name} (${twin.variable}) and by ${want.name} (${want.variable})`,
        };
      const code = await probe(want.port);
      return code === undefined ? undefined : { ...want, message: describe(want, code) };
    }),
  );
  return problems.filter((problem) => problem !== undefined);
}

/** All problems in one message that names the variables which move the ports. */
export function renderPortProblems(problems: readonly PortProblem[], suggest: (port: number) => number): string {
  const lines = problems.map((problem) => `  ${problem.message}`);
  const remedy = problems.map((problem) => `${problem.variable}=${suggest(problem.port)}`).join(' ');
  return [...lines, '', `  Free it, or move it:  ${remedy} npm start`, '  (or put the variable into .env)'].join('\n');
}

function describe(want: WantedPort, code: string): string {
  if (code === 'EADDRINUSE') return `port ${want.port} of ${want.name} (${want.variable}) is taken by another process`;
  if (code === 'EACCES')
    return `port ${want.port} of ${want.name} (${want.variable}) is reserved to root: choose one from 1024`;
  return `port ${want.port} of ${want.name} (${want.variable}) cannot be used: ${code}`;
}

/** Listens for a moment. Resolves to the error's code, or to undefined when the port is free. */
async function probe(port: number): Promise<string | undefined> {
  for (const host of PROBE_HOSTS) {
    const code = await new Promise<string | undefined>((resolve) => {
      const server = createServer();
      server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
    });
    if (code !== undefined) return code;
  }
  return undefined;
}
