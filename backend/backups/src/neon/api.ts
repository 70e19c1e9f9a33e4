import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '@clearway/kernel';
import { z } from 'zod';
import { BackupFailure, type BackupFailureReason } from '../failures.ts';

/** How the API of Neon is reached. */
export interface NeonApiOptions {
  readonly apiKey: string;
  readonly projectId: string;
  /** Neon's own unless this is given. */
  readonly baseUrl?: string | undefined;
  /** How long a locked project, or a limit of requests, is waited for, in milliseconds. */
  readonly patienceMs?: number | undefined;
  /** Waits between two tries. */
  readonly pause?: ((ms: number) => Promise<unknown>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An answer that the caller has to make something of. */
export interface NeonAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** The requests that are made. */
export interface NeonApi {
  /**
   * Sends a request for the project. A project that is locked by another operation, and a limit of requests, are waited
   * for; what failed on the way is tried again where that cannot do anything twice.
   *
   * @param path below the project, such as `/branches`
   * @throws BackupFailure
   */
  request(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown>;
  /** Waits until operations have ended. */
  finished(operations: readonly { readonly id: string }[]): Promise<void>;
}

const NEON = 'https://console.neon.tech/api/v2';
const REQUEST_LIMIT_MS = 60_000;
const PATIENCE_MS = 300_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

const errorSchema = z.object({ code: z.string().optional(), message: z.string().optional() });
const operationSchema = z.object({ operation: z.object({ id: z.string(), action: z.string(), status: z.string() }) });
const ENDED_WELL = new Set(['finished', 'skipped']);
/** One that failed is tried again by Neon as a rule: it is not at its end. */
const FAILED = new Set(['failed', 'error']);

/** An attempt that did not bring an answer that counts. */
interface Missed {
  readonly failure: BackupFailure;
  /** Whether it is certain that nothing was done. */
  readonly isUndone: boolean;
  readonly retryAfterMs?: number | undefined;
}

/**
 * Opens the API of a project at Neon.
 *
 * @see https://api-docs.neon.tech
 */
export function openNeonApi(options: NeonApiOptions): NeonApi {
  const { projectId, patienceMs = PATIENCE_MS, signal } = options;
  const wait = options.pause ?? ((ms: number) => sleep(ms, undefined, { signal }));
  const request: NeonApi['request'] = async (method, path, body) => {
    const url = `${options.baseUrl ?? NEON}/projects/${encodeURIComponent(projectId)}${path}`;
    for (let attempt = 1, waitedMs = 0; ; attempt++) {
      const outcome = await send(method, url, body, options);
      if (!('failure' in outcome)) return outcome.body;
      if (!outcome.isUndone && method !== 'GET') throw outcome.failure;
      if (!isPassing(outcome.failure) || waitedMs >= patienceMs) throw outcome.failure;
      const usualMs = backoffMs(attempt, { baseMs: FIRST_PAUSE_MS * 2, maxMs: LONGEST_PAUSE_MS });
      const pauseMs = Math.min(LONGEST_PAUSE_MS * 6, outcome.retryAfterMs ?? Math.max(FIRST_PAUSE_MS, usualMs));
      waitedMs += pauseMs;
      await wait(pauseMs);
    }
  };
  const waitFor = async (id: string): Promise<void> => {
    for (let waitedMs = 0; ; waitedMs += FIRST_PAUSE_MS) {
      const { operation } = operationSchema.parse(await request('GET', `/operations/${encodeURIComponent(id)}`));
      if (ENDED_WELL.has(operation.status)) return;
      const isOver = waitedMs >= patienceMs;
      if (operation.status === 'cancelled' || (isOver && FAILED.has(operation.status)))
        throw new BackupFailure('restore-failed', `Neon could not ${operation.action}: ${operation.status}`);
      if (isOver) throw new BackupFailure('locked', `Neon is still at ${operation.action} after ${waitedMs / 1000} s`);
      await wait(FIRST_PAUSE_MS);
    }
  };
  return {
    request,
    async finished(operations) {
      for (const { id } of operations) await waitFor(id);
    },
  };
}

const isPassing = ({ reason }: BackupFailure): boolean => reason === 'locked' || reason === 'unreachable';

async function send(
  method: string,
  url: string,
  body: object | undefined,
  { apiKey, signal }: NeonApiOptions,
): Promise<NeonAnswer | Missed> {
  const limit = AbortSignal.timeout(REQUEST_LIMIT_MS);
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, accept: 'application/json', 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    text = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw new BackupFailure('interrupted', 'it was told to stop');
    const { code } = ((error as { cause?: unknown }).cause ?? {}) as { code?: string };
    const failure = new BackupFailure('unreachable', `Neon does not answer: ${code ?? (error as Error).name}`, {
      remedy: 'look whether this machine reaches the internet, and correct NEON_API_URL if it is set',
    });
    return { failure, isUndone: code === 'ECONNREFUSED' || code === 'ENOTFOUND' };
  }
  const parsed = parse(text);
  if (answer.ok) return { status: answer.status, body: parsed };
  return refused(answer, parsed);
}

function parse(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    return {};
  }
}

const REFUSALS: Readonly<Record<number, readonly [BackupFailureReason, string]>> = {
  401: ['permission-denied', 'make a key at Neon and set NEON_API_KEY'],
  403: ['permission-denied', 'use a key that may change the project'],
  404: ['not-found', 'compare NEON_PROJECT_ID, and the name, with what Neon shows'],
  423: ['locked', 'wait until what goes on at Neon has ended'],
  429: ['unreachable', 'ask less often: Neon limits requests'],
};

function refused(answer: Response, body: unknown): Missed {
  const { status } = answer;
  const { code, message: said = `it answered ${status}` } = errorSchema.safeParse(body).data ?? {};
  const full = code === 'BRANCHES_LIMIT_EXCEEDED' ? 'remove some: clearway backup neon prune' : undefined;
  const [reason, remedy] = REFUSALS[status] ?? [status >= 500 ? 'unreachable' : 'unsupported', full];
  const failure = new BackupFailure(
    reason,
    `Neon refused: ${said} (${status})`,
    remedy === undefined ? {} : { remedy },
  );
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  return { failure, isUndone: status < 500 || status === 503, retryAfterMs };
}
