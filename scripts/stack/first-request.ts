const LIMIT_MS = 3000;

/**
 * Makes one request through the gateway: it proves that all parts work together, and gives a trace to look at.
 *
 * @param url of the gateway
 * @returns status and trace id of the answer, or undefined when there was none
 */
export async function firstRequest(url: string): Promise<{ status: number; traceId: string | undefined } | undefined> {
  try {
    const headers = { 'user-agent': 'clearway-start' };
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(LIMIT_MS) });
    await answer.arrayBuffer();
    return { status: answer.status, traceId: answer.headers.get('trace-id') ?? undefined };
  } catch {
    return undefined;
  }
}
