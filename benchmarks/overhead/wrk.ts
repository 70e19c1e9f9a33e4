import type { Load } from './generator.ts';

/** Milliseconds in the units that wrk writes. */
const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/**
 * Reads what `wrk --latency` prints.
 *
 * @throws Error when a figure is missing
 */
export function readWrk(output: string): Omit<Load, 'cutOff'> {
  const find = (pattern: RegExp): RegExpExecArray => {
    const found = pattern.exec(output);
    if (!found) throw new Error(`wrk did not print ${pattern.source}: ${output}`);
    return found;
  };
  const percentileMs = (percent: number): number => {
    const [, value, unit = ''] = find(new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s|m)$`, 'm'));
    return Number(value) * (UNIT_MS[unit] ?? NaN);
  };
  const [, requests, seconds, unit = ''] = find(/(\d+) requests in ([\d.]+)(us|ms|s|m)/);
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output);
  const badAnswers = /Non-2xx or 3xx responses: (\d+)/.exec(output);
  const errors = [...(socketErrors ?? []).slice(1), ...(badAnswers ?? []).slice(1)].map(Number);
  return {
    requests: Number(requests),
    errors: errors.reduce((sum, count) => sum + count, 0),
    firstError: socketErrors?.[0] ?? badAnswers?.[0],
    elapsedSeconds: (Number(seconds) * (UNIT_MS[unit] ?? NaN)) / 1000,
    p50Ms: percentileMs(50),
    p99Ms: percentileMs(99),
  };
}

/** wrk's script: the same paths and fields as the other generator sends. */
export function wrkScript(paths: readonly string[], request: string): string {
  const [, ...fields] = request.trimEnd().split('\r\n');
  const headers = fields.map((field) => {
    const colon = field.indexOf(':');
    return `  [${JSON.stringify(field.slice(0, colon))}] = ${JSON.stringify(field.slice(colon + 2))},`;
  });
  return [
    'wrk.headers = {',
    ...headers,
    '}',
    `local paths = { ${paths.map((path) => JSON.stringify(path)).join(', ')} }`,
    'local requests, next = {}, 0',
    'init = function() for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path) end end',
    'request = function() next = next % #requests + 1; return requests[next] end',
    '',
  ].join('\n');
}
