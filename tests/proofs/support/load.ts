import http, { type Agent, type IncomingMessage } from 'node:http';

/** One request of a load. */
export interface LoadRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What one request was answered. */
export interface LoadAnswer {
  readonly request: LoadRequest;
  /** 0 when there was no answer. */
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly durationMs: number;
  /** Why there was none. */
  readonly error?: string;
}

/** A load of requests over connections that are kept, one request at a time on each. */
export interface LoadOptions {
  readonly origin: string;
  readonly connections: number;
  /** The next request; undefined ends the load. */
  readonly next: () => LoadRequest | undefined;
  readonly onAnswer: (answer: LoadAnswer) => void;
  /** Time between two requests of a connection, so that a load is not whatever the machine can do. Default 0. */
  readonly pauseMs?: number;
}

/**
 * Runs a load until it ends. Each connection is used in its turn: one that lay idle could be closed by the gateway the
 * moment it is used again, which would be taken for an answer that is missing.
 */
export async function load({ origin, connections, next, onAnswer, pauseMs = 0 }: LoadOptions): Promise<void> {
  const work = async (): Promise<void> => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let request = next(); request; request = next()) {
      onAnswer(await send(agent, origin, request));
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())));
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: connections }, work));
}

function send(agent: Agent, origin: string, request: LoadRequest): Promise<LoadAnswer> {
  const { method = 'GET', path, headers, body } = request;
  const startMs = performance.now();
  return new Promise((resolve) => {
    const settle = (status: number, answered: IncomingMessage['headers'], text: string): void =>
      resolve({ request, status, headers: answered, body: text, durationMs: performance.now() - startMs });
    const fail = (answered: IncomingMessage['headers'], body: string, { message }: Error): void =>
      resolve({
        request,
        status: 0,
        headers: answered,
        body,
        durationMs: performance.now() - startMs,
        error: message + (outgoing.reusedSocket ? ', on a connection that was kept' : ''),
      });
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const outgoing: http.ClientRequest = http.request(
      origin + path,
      { method, agent, headers: { ...headers, ...length } },
      (answer) => {
        let text = '';
        answer.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
        answer.on('end', () => settle(answer.statusCode ?? 0, answer.headers, text));
        answer.on('error', (error) => fail(answer.headers, text, error));
      },
    );
    outgoing.on('error', (error) => fail({}, '', error));
    outgoing.end(body);
  });
}

/** The value below which this share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
