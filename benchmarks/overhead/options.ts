import { parseArgs } from 'node:util';

/** What is measured, in the order of the slices. */
export const SERVERS = ['gateway-on', 'gateway-off', 'bare', 'http-proxy-middleware', 'fastify-http-proxy'] as const;
export type ServerName = (typeof SERVERS)[number] | 'baseline-on' | 'baseline-off';

/** How a run is made. */
export interface Options {
  readonly slices: number;
  readonly sliceSeconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
  readonly bodyBytes: number;
  readonly servers: readonly ServerName[];
  readonly generator: 'auto' | 'node' | 'wrk';
  /** Folder of another built checkout, whose gateway is measured too. */
  readonly baseline: string | undefined;
  /** Variables that only the baseline gets, to see what a setting costs. */
  readonly baselineVariables: Readonly<Record<string, string>>;
  /** Folder for CPU profiles of the gateways; none are taken when undefined. */
  readonly profile: string | undefined;
  readonly build: boolean;
  readonly write: boolean;
  readonly help: boolean;
}

export const USAGE = `npm run bench -- [options]

Measures what the gateway costs beside others, in alternating slices on one upstream.
Needs Linux, taskset and two CPUs.

  --slices N          slices of each server (6)
  --seconds S         length of a slice in seconds (3)
  --warm-up S         seconds of load before the first slice (3)
  --connections N     connections of the load generator, one request at a time on each (64)
  --body SIZE         size of the answers, such as 113, 16KiB, 1MiB (113)
  --only A,B          ${SERVERS.join(', ')}
  --generator NAME    node, wrk, or auto: wrk when it is installed (auto)
  --baseline DIR      also measure the gateway of another built checkout, as baseline-on and baseline-off
  --baseline-variable NAME=VALUE
                      a variable that only the baseline gets; with --baseline . the price of a setting
  --profile DIR       write a CPU profile of each gateway there; the figures are then not to be compared
  --no-build          measure the build as it stands
  --no-write          do not write benchmarks/results/*.json
  --help
`;

/**
 * Reads the command line.
 *
 * @throws Error that says which option is wrong, and how
 */
export function readOptions(args: readonly string[]): Options {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      slices: { ...text, default: '6' },
      seconds: { ...text, default: '3' },
      'warm-up': { ...text, default: '3' },
      connections: { ...text, default: '64' },
      body: { ...text, default: '113' },
      only: text,
      generator: { ...text, default: 'auto' },
      baseline: text,
      'baseline-variable': { ...text, multiple: true, default: [] },
      profile: text,
      'no-build': flag,
      'no-write': flag,
      help: flag,
    },
  });
  return {
    slices: number('--slices', values.slices, 1, 1000),
    sliceSeconds: number('--seconds', values.seconds, 0.2, 600, false),
    warmUpSeconds: number('--warm-up', values['warm-up'], 0.2, 600, false),
    connections: number('--connections', values.connections, 1, 10_000),
    bodyBytes: sizeBytes(values.body),
    servers: serverNames(values.only, values.baseline !== undefined),
    generator: oneOf('--generator', values.generator, ['auto', 'node', 'wrk']),
    baseline: values.baseline,
    baselineVariables: Object.fromEntries(values['baseline-variable'].map(assignment)),
    profile: values.profile,
    build: !values['no-build'],
    write: !values['no-write'],
    help: values.help,
  };
}

/** A size such as `113`, `16KiB` or `1MiB`, in bytes. */
export function sizeBytes(text: string): number {
  const [, digits, unit = ''] = /^(\d+)(KiB|MiB)?$/.exec(text) ?? [];
  const bytes = Number(digits) * (unit === 'MiB' ? 1024 * 1024 : unit === 'KiB' ? 1024 : 1);
  if (!(bytes >= 32 && bytes <= 64 * 1024 * 1024)) throw new Error(`--body: '${text}' is no size from 32 to 64MiB`);
  return bytes;
}

function assignment(text: string): [string, string] {
  const [, name, value = ''] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(text) ?? [];
  if (name === undefined) throw new Error(`--baseline-variable: '${text}' is not of the form NAME=VALUE`);
  return [name, value];
}

function serverNames(only: string | undefined, hasBaseline: boolean): ServerName[] {
  const known: ServerName[] = hasBaseline ? [...SERVERS, 'baseline-on', 'baseline-off'] : [...SERVERS];
  if (only === undefined) return known;
  return only.split(',').map((name) => oneOf('--only', name, known));
}

function oneOf<T extends string>(option: string, value: string, known: readonly T[]): T {
  const found = known.find((name) => name === value);
  if (found === undefined) throw new Error(`${option}: '${value}' is none of ${known.join(', ')}`);
  return found;
}

function number(option: string, text: string, least: number, most: number, isWhole = true): number {
  const value = text.trim() === '' ? NaN : Number(text);
  const isRight = value >= least && value <= most && (!isWhole || Number.isInteger(value));
  if (!isRight) throw new Error(`${option}: '${text}' is no ${isWhole ? 'whole ' : ''}number from ${least} to ${most}`);
  return value;
}
