import { problemDocumentSchema } from '@clearway/contracts';
import { InvalidArgumentError } from '@commander-js/extra-typings';
import type { z } from 'zod';
import type { CliContext } from '../context.ts';

/** Why an operations API could not be asked, in words for the person at the terminal. */
export class UnreachableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnreachableError';
  }
}

/** The operations API understood, and refused: in its own words. */
export class RefusedError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'RefusedError';
    this.status = status;
  }
}

const ANSWER_LIMIT_MS = 30_000;

/** An operations API to ask. */
export interface OperationsClient {
  readonly url: string;
  /** Undefined when there is no such thing. */
  get<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined>;
  /**
   * Asks for a change.
   *
   * @param limitMs how long the answer may take; 30 s when left out
   * @throws {RefusedError} when it is refused, with the reason
   */
  post<T>(path: string, body: unknown, schema: z.ZodType<T>, limitMs?: number): Promise<T>;
  /**
   * The lines of an answer as they come, however long that takes.
   *
   * @throws {UnreachableError} when the answer breaks off
   */
  lines(path: string): AsyncIterable<string>;
}

/** Whom to ask, and as whom. */
export interface OperationsClientOptions {
  readonly url: string;
  /** An operations token; not needed on loopback without OPERATIONS_TOKENS. */
  readonly token: string | undefined;
  /** Who answers there, for messages. */
  readonly who?: string;
  /** Who asks, for the audit. */
  readonly actor?: string | undefined;
}

/**
 * Asks an operations API.
 *
 * @example
 * const client = operationsClient({ url: 'http://127.0.0.1:8002', token: context.variables['OPERATIONS_TOKEN'] });
 * const list = await client.get('/api/jobs', jobListSchema);
 */
export function operationsClient(options: OperationsClientOptions): OperationsClient {
  const who = options.who ?? 'the worker';
  return {
    url: options.url,
    async get(path, schema) {
      const answer = await request(options, who, path, 'GET', undefined);
      if (answer.status === 404) return undefined;
      await refuse(answer, options, who);
      return read(answer, schema, options, who);
    },
    async post(path, body, schema, limitMs) {
      const answer = await request(options, who, path, 'POST', body, limitMs);
      await refuse(answer, options, who);
      return read(answer, schema, options, who);
    },
    async *lines(path) {
      const answer = await request(options, who, path, 'GET', undefined);
      await refuse(answer, options, who);
      yield* linesOf(answer, options, who);
    },
  };
}

async function* linesOf(answer: Response, { url }: OperationsClientOptions, who: string): AsyncGenerator<string> {
  try {
    let rest = '';
    for await (const text of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
    if (rest !== '') yield rest;
  } catch (error) {
    throw new UnreachableError(`${who} at ${url} broke off in the middle of its answer`, { cause: error });
  }
}

/** The worker as the command line and the environment say; the change is made in the name of the person logged in. */
export function workerOf(context: CliContext, url: string): OperationsClient {
  const { variables } = context;
  return operationsClient({
    url,
    token: variables['OPERATIONS_TOKEN'],
    actor: variables['USER'] ?? variables['LOGNAME'],
  });
}

/** Where the worker is when nobody says. */
export function workerUrl({ variables }: CliContext): string {
  return `http://127.0.0.1:${variables['WORKER_PORT'] ?? 8002}`;
}

/** Reads an option that holds an address. */
export function httpUrl(text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text;
  throw new InvalidArgumentError('Write it as http://host:port.');
}

async function refuse(answer: Response, { url, token }: OperationsClientOptions, who: string): Promise<void> {
  if (answer.ok) return;
  const problem = problemDocumentSchema.safeParse(await answer.json().catch(() => undefined)).data;
  if (answer.status === 401 || (answer.status === 403 && token === undefined)) {
    const remedy =
      token === undefined
        ? 'set OPERATIONS_TOKEN to one of OPERATIONS_TOKENS'
        : 'OPERATIONS_TOKEN is not one of its tokens';
    throw new UnreachableError(`${who} at ${url} refuses to answer (${answer.status}): ${remedy}`);
  }
  if (!problem) throw new UnreachableError(`${who} at ${url} answered ${answer.status}`);
  throw new RefusedError(answer.status, [problem.title, problem.detail].filter(Boolean).join(': '));
}

async function read<T>(
  answer: Response,
  schema: z.ZodType<T>,
  { url }: OperationsClientOptions,
  who: string,
): Promise<T> {
  const parsed = schema.safeParse(await answer.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new UnreachableError(`what answers at ${url} is not ${who} of this version: check --url`);
}

/** A redirect is an error: the token must not follow it to another host. */
async function request(
  { url, token, actor }: OperationsClientOptions,
  who: string,
  path: string,
  method: string,
  body: unknown,
  limitMs = ANSWER_LIMIT_MS,
): Promise<Response> {
  const abort = new AbortController();
  // until the headers are there: an answer may be long
  const limit = setTimeout(() => abort.abort(new DOMException('', 'TimeoutError')), limitMs);
  try {
    return await fetch(new URL(path, url), {
      method,
      headers: {
        accept: 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(actor !== undefined && { 'clearway-actor': actor.replaceAll(/[^\x20-\x7e]/g, '?') }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: abort.signal,
    });
  } catch (error) {
    const { name, cause } = error as Error & { cause?: NodeJS.ErrnoException };
    const why =
      name === 'TimeoutError' ? `no answer within ${limitMs / 1000} s` : (cause?.code ?? cause?.message ?? name);
    throw new UnreachableError(
      `${who} at ${url} cannot be reached (${why}): start it with npm start, or say where it is with --url`,
      { cause: error },
    );
  } finally {
    clearTimeout(limit);
  }
}
