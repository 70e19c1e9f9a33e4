/** Why a database cannot be asked anything, and what to do about it. Never holds credentials. */
export interface ConnectionProblem {
  readonly kind: 'unreachable' | 'refused' | 'full' | 'starting' | 'no_answer';
  readonly message: string;
  readonly remedy: string;
}

interface ServerError {
  readonly code?: string;
  readonly message?: string;
}

/** What the network and the files say: told without addresses and paths, which only operators may see. */
const NETWORK: Readonly<Record<string, readonly [message: string, remedy: string]>> = {
  ECONNREFUSED: ['nothing listens there', 'start the server, or correct host and port of the URL'],
  ECONNRESET: ['the connection was cut', 'look at the log of the server'],
  EPIPE: ['the connection was cut', 'look at the log of the server'],
  EHOSTUNREACH: ['there is no way to the host', 'correct the host of the URL, or the network between'],
  ENETUNREACH: ['there is no way to the host', 'correct the host of the URL, or the network between'],
  ENOTFOUND: ['the name of the host is not known', 'correct the host of the URL'],
  EAI_AGAIN: ['names are not resolved at the moment', "look at the machine's DNS"],
  ENOENT: [
    'a socket or certificate of the URL is not there',
    'correct the host, sslrootcert, sslcert or sslkey of the URL',
  ],
  EACCES: [
    'a socket or certificate of the URL cannot be read',
    'let the account of the worker read what the URL names',
  ],
  ETIMEDOUT: ['the host does not answer', 'correct the host of the URL, or the firewall between'],
};

const SERVER: Readonly<Record<string, readonly [kind: ConnectionProblem['kind'], remedy: string]>> = {
  '28P01': ['refused', 'correct the password of the URL'],
  '28000': ['refused', 'correct the role of the URL, or pg_hba.conf of the server'],
  '3D000': ['refused', 'create the database, or correct its name in the URL'],
  '53300': ['full', 'end idle sessions, lower the pools of the applications, or put a pooler between'],
  '57P01': ['starting', 'the server was shut down or restarts'],
  '57P02': ['starting', 'the server crashed: look at its log'],
  '57P03': ['starting', 'the server starts or stops: wait'],
};

/**
 * What an error of a connection means; undefined when it is about one query only and the connection goes on.
 *
 * @param error as `pg` threw it
 */
export function connectionProblem(error: unknown): ConnectionProblem | undefined {
  const { code = '', message = String(error) } = (error ?? {}) as ServerError;
  const network = NETWORK[code];
  if (network) return { kind: 'unreachable', message: `${network[0]} (${code})`, remedy: network[1] };
  const server = SERVER[code];
  if (server) return { kind: server[0], message, remedy: server[1] };
  if (code.startsWith('08')) return { kind: 'unreachable', message, remedy: 'the connection broke: it is made anew' };
  if (/password must be a (non-empty )?string/.test(message)) {
    const remedy = 'put the password into the URL';
    return { kind: 'refused', message: 'the server wants a password, and the URL has none', remedy };
  }
  if (/permission denied for database/.test(message)) {
    return { kind: 'refused', message, remedy: 'GRANT CONNECT ON DATABASE … TO the role of the URL' };
  }
  if (/timeout expired|Connection terminated|connection timeout|not queryable|server closed/i.test(message)) {
    return { kind: 'unreachable', message, remedy: 'look whether the server runs and can be reached from here' };
  }
  if (/SSL|certificate/i.test(message)) {
    return { kind: 'refused', message, remedy: 'correct sslmode and the certificates of the URL' };
  }
  return undefined;
}

/** A database that cannot be asked anything at the moment. */
export class UnreachableError extends Error {
  readonly problem: ConnectionProblem;

  constructor(problem: ConnectionProblem, cause?: unknown) {
    super(problem.message, { cause });
    this.name = 'UnreachableError';
    this.problem = problem;
  }
}
