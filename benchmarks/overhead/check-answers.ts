import { createHash } from 'node:crypto';
import { PATHS } from './answers.ts';
import type { Server } from './server.ts';

/** Status and body of one answer. */
interface Seen {
  readonly status: number;
  readonly type: string | null;
  readonly sha256: string;
}

/**
 * Asks a server for every path and compares with what the upstream itself says: status, type and each byte.
 *
 * @returns what differs; empty when nothing does
 */
export async function checkAnswers(server: Server, upstream: string): Promise<string[]> {
  const problems: string[] = [];
  for (const path of PATHS) {
    const [expected, actual] = [await ask(upstream + path), await ask(`http://127.0.0.1:${server.port}${path}`)];
    if (JSON.stringify(expected) !== JSON.stringify(actual)) {
      problems.push(`${server.name} ${path}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
    }
  }
  return problems;
}

async function ask(url: string): Promise<Seen> {
  const response = await fetch(url);
  const body = Buffer.from(await response.arrayBuffer());
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    sha256: createHash('sha256').update(body).digest('hex'),
  };
}
