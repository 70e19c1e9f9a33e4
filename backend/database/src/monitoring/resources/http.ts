const MAX_BYTES = 8 * 1024 * 1024;
const LIMIT_MS = 5000;

/** What a source answered instead of figures. */
export class SourceError extends Error {}

/**
 * Gets a text from a source of figures: within five seconds, of bounded length, and without following redirects, which
 * could carry the credentials elsewhere.
 *
 * @throws SourceError that says what is wrong in words, without the credentials
 */
export async function getText(
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  try {
    const response = await fetch(url, { headers, signal: limit, redirect: 'manual' });
    const body = await readBounded(response);
    if (response.ok) return body;
    throw new SourceError(`${url.host} answered ${response.status}${hint(response.status)}${detail(body)}`);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    if (limit.aborted) throw new SourceError(`${url.host} did not answer within ${LIMIT_MS} ms`, { cause: error });
    const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
    throw new SourceError(`${url.host} cannot be reached: ${cause?.code ?? cause?.message ?? message}`, {
      cause: error,
    });
  }
}

/** Like `getText`, as JSON. */
export async function getJson(
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<unknown> {
  const text = await getText(url, { accept: 'application/json', ...headers }, signal);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SourceError(`${url.host} answered with something that is not JSON`, { cause: error });
  }
}

async function readBounded(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > MAX_BYTES)
      throw new SourceError(`${new URL(response.url).host} answered with more than ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function hint(status: number): string {
  if (status === 401) return ', it does not know the key';
  if (status === 403) return ', the key may not do this';
  if (status === 404) return ', there is nothing of that name';
  if (status === 429) return ', it is asked too often';
  return status >= 300 && status < 400 ? ', a redirect, which is not followed' : '';
}

/** Prometheus and Neon explain themselves in JSON. */
function detail(body: string): string {
  try {
    const { error, message } = JSON.parse(body) as { error?: unknown; message?: unknown };
    const text = [error, message].find((part) => typeof part === 'string');
    return text === undefined ? '' : `: ${text.slice(0, 200)}`;
  } catch {
    return '';
  }
}
