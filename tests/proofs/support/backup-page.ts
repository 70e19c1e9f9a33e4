import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { cheapest, type Detection } from '../../../backend/backups/test/support/damage.ts';
import { markdownTable } from '../../../scripts/reference/markdown.ts';
import { WAYS, type LargeFindings, type Pair } from './backup-large.ts';
import type { Bar } from './proof.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const PAGE = path.join(root, 'docs/reference/backup-proof.md');
const EXIT_UNAVAILABLE = 69;
const PROOFS = ['backup-damage', 'backup-kills', 'backup-large'] as const;
const MEBIBYTE = 2 ** 20;

/** What a proof kept. */
interface Kept<Measurements> {
  readonly guarantee: string;
  readonly date: string;
  readonly machine: { readonly node: string; readonly processors: number; readonly memoryGibibytes: number };
  readonly bars: readonly (Bar & { readonly isMet: boolean })[];
  readonly measurements: Measurements;
}

interface KillMeasurements {
  readonly creates: number;
  readonly restores: number;
  readonly uploads: number;
  readonly prunes: number;
  readonly endedBefore: number;
}

const HELP = `Usage: npm run prove:backups [-- --short | --page]

Runs the proofs of backups one after the other and writes what they measured into docs/reference/backup-proof.md. Ends with 1
when a bar is missed or a proof breaks off, in which case the page stays as it was.

  --short   the same checks on less, in two minutes: nothing is written
  --page    writes the page from what was kept, and runs nothing
`;

/** @returns the exit code */
async function main(): Promise<number> {
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({ options: { page: flag, short: flag, help: { ...flag, short: 'h' } } });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const environment = { ...process.env, CLEARWAY_S3_SERVER: findS3Server() };
  const missing = values.page ? [] : missingPrograms(environment.CLEARWAY_S3_SERVER);
  if (missing.length > 0) {
    process.stderr.write(`The proofs need what is not there:\n${missing.map((one) => `  ${one}\n`).join('')}`);
    return EXIT_UNAVAILABLE;
  }
  const startMs = Date.now();
  let code = 0;
  for (const [i, name] of (values.page ? [] : PROOFS).entries()) {
    process.stdout.write(`\n==> ${i + 1} of ${PROOFS.length}: ${name}\n`);
    code = Math.max(code, await prove(name, values.short ? ['--short'] : [], environment));
  }
  if (values.short) return code;
  const found = await Promise.all([
    kept<{ readonly detections: readonly Detection[] }>('backup-damage'),
    kept<KillMeasurements>('backup-kills'),
    kept<LargeFindings>('backup-large'),
  ]);
  const brokenOff = PROOFS.filter((_, i) => !values.page && Date.parse(found[i]?.date ?? '') < startMs);
  if (brokenOff.length > 0) {
    process.stderr.write(`\n${brokenOff.join(', ')} broke off: ${path.relative(root, PAGE)} stays as it was\n`);
    return 1;
  }
  const options = await resolveConfig(PAGE);
  await writeFile(PAGE, await format(pageOf(...found), { ...options, filepath: PAGE }));
  process.stdout.write(`\n==> written: ${path.relative(root, PAGE)}\n`);
  return code;
}

/** Runs a proof in a process of its own. */
async function prove(name: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const program = [...process.execArgv, path.join(import.meta.dirname, 'run.ts'), name, ...args];
  const child = spawn(process.execPath, program, { cwd: root, stdio: 'inherit', env });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

/** versitygw: as `CLEARWAY_S3_SERVER` says, or where .ci/run installs it. */
function findS3Server(): string | undefined {
  const cache = process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache');
  const [installed] = globSync(path.join(cache, 'clearway/versitygw-*/versitygw')).sort().reverse();
  return process.env['CLEARWAY_S3_SERVER'] || installed;
}

/** What is to be installed before, each with how. */
function missingPrograms(s3Server: string | undefined): string[] {
  const runs = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
  return [
    ...(runs('pg_dump') ? [] : ['pg_dump: apt-get install postgresql-client']),
    ...(runs('zstd') ? [] : ['zstd: apt-get install zstd']),
    ...(s3Server !== undefined && runs(s3Server)
      ? []
      : [
          'versitygw: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0, and its path in CLEARWAY_S3_SERVER',
        ]),
  ];
}

async function kept<Measurements>(name: (typeof PROOFS)[number]): Promise<Kept<Measurements>> {
  const file = path.join(root, 'benchmarks/results', `proof-${name}.json`);
  return JSON.parse(await readFile(file, 'utf8')) as Kept<Measurements>;
}

function pageOf(
  damage: Kept<{ readonly detections: readonly Detection[] }>,
  kills: Kept<KillMeasurements>,
  large: Kept<LargeFindings>,
): string {
  const { creates, restores, uploads, prunes, endedBefore } = kills.measurements;
  return [
    '# What proves the backups',
    '<!-- Written by: npm run prove:backups -->',
    '`npm run prove:backups` makes this page anew, in a quarter of an hour. It needs `pg_dump`, `zstd`, the path of versitygw, an S3-compatible server, in `CLEARWAY_S3_SERVER`, and a folder with the programs of PostgreSQL 17 in `CLEARWAY_NEWER_POSTGRESQL`.',
    '## The bars',
    markdownTable(
      ['Bar', 'Asked for', 'Measured', 'Met'],
      [damage, kills, large].flatMap(({ bars }) => bars.map(barRow)),
    ),
    '## Damaged and misleading backups',
    `${damage.measurements.detections.length} of them. Those that are damaged when they are **stored** are copies of a good backup; those that are damaged when they are **made** have a manifest whose hashes fit the bad file, as if the dump had been taken that way; those damaged while **storing** had a storage that failed them. The last column is the cheapest level that finds it; \`exact\` finds all.`,
    markdownTable(
      ['What is wrong', 'Since it was', 'Found by', 'What is said'],
      damage.measurements.detections.map(detectionRow),
    ),
    '## Killed at random moments',
    `${creates} times while a backup was made, ${uploads} while one was uploaded to S3 in parts, ${prunes} while a directory and a bucket were pruned, and ${restores} while one was restored, half of them in place. Each process was killed with SIGKILL at a random moment of its work (${endedBefore} had ended before). After each kill everything that is listed was read or restored and compared, and the next run had to leave nothing behind.`,
    '## A large database',
    largeText(large),
    markdownTable(
      [
        'The dump',
        'alone',
        'with the manifest',
        'ratio',
        'ratio of processor time',
        'size alone',
        'size of ours',
        'memory',
      ],
      (['gzip', 'zstd', 'pipedZstd'] as const).flatMap((way) =>
        large.measurements.pairs[way].map((pair) => pairRow(`\`${WAYS[way].name}\``, pair)),
      ),
    ),
    `With an upload to S3 beside it: ${memoryText(large.measurements.uploadMemoryBytes ?? 0)} MiB.`,
  ].join('\n\n');
}

const barRow = ({ bar, kind, limit, measured, isMet }: Bar & { readonly isMet: boolean }): string[] => [
  bar,
  `${kind} ${limit}`,
  String(measured),
  isMet ? 'yes' : '**no**',
];

function detectionRow(detection: Detection): string[] {
  const { name, when, reason } = detection;
  const by = when === 'storing' ? 'create, at once' : reason === 'listing' ? 'listing' : cheapest(detection);
  return [name, when, by, reason === 'listing' ? 'the manifest cannot be read' : reason];
}

function largeText({ measurements, machine, date }: Kept<LargeFindings>): string {
  const { databaseBytes, pgDump } = measurements;
  const server = /^PostgreSQL [\d.]+/.exec(pgDump)?.[0] ?? pgDump;
  return `${(databaseBytes / 1e9).toFixed(2)} GB on ${server}, on ${machine.processors} processors, ${date.slice(0, 10)}. Each line is one dump each way, one right after the other, on the same machine as the server. With zstd, \`pg_dump\` is of 17, since 15 knows gzip alone; the lines with a pipe are what 15 can do with a \`zstd\` beside it, on processors that are busy before anything is hashed: no bar is asked of them. The time is until dump and manifest are on the disk; that for reading the dump again comes on top. Memory is that of our process at its peak, with decoding.`;
}

function pairRow(way: string, pair: Pair): string[] {
  return [
    way,
    `${pair.pgDumpSeconds.toFixed(1)} s`,
    `${pair.oursSeconds.toFixed(1)} s`,
    (pair.oursSeconds / pair.pgDumpSeconds).toFixed(2),
    (pair.oursCpuSeconds / pair.pgDumpCpuSeconds).toFixed(2),
    `${memoryText(pair.pgDumpBytes)} MiB`,
    `${memoryText(pair.oursBytes)} MiB`,
    `${memoryText(pair.memoryBytes)} MiB`,
  ];
}

const memoryText = (bytes: number): string => String(Math.round(bytes / MEBIBYTE));

process.exitCode = await main();
