/** An answer, or why there was none. */
export type Reply = { readonly status: number; readonly body: unknown } | { readonly unreachable: string };

/**
 * Asks an HTTP address; the body is read as JSON when it is.
 *
 * @param init as for fetch; redirects are not followed
 */
export async function ask(url: string, init: RequestInit): Promise<Reply> {
  try {
    const answer = await fetch(url, { redirect: 'manual', ...init });
    const text = await answer.text();
    return { status: answer.status, body: parse(text) };
  } catch (error) {
    const { name, message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
    if (name === 'AbortError') throw error;
    return { unreachable: cause?.code ?? cause?.message ?? message };
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
