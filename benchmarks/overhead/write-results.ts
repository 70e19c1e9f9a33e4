import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './start-servers.ts';
import { significant } from './statistics.ts';

/**
 * Writes a run to `benchmarks/results/gateway-overhead-<time>.json`, so that it can be repeated and doubted: the command,
 * the machine, the versions, the settings, and every slice.
 *
 * @returns the file
 */
export function writeResults(run: Readonly<Record<string, unknown>>, now = new Date()): string {
  const folder = path.join(ROOT, 'benchmarks/results');
  mkdirSync(folder, { recursive: true });
  const stamp = now.toISOString().slice(0, 16).replace(':', '');
  const file = path.join(folder, `gateway-overhead-${stamp}.json`);
  const text = JSON.stringify({ benchmark: 'gateway-overhead', finishedAt: now.toISOString(), ...run }, round, 2);
  writeFileSync(file, `${text}\n`);
  return file;
}

/** Whole numbers stay; measured ones get no more digits than they have. */
function round(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? significant(value, 5) : value;
}
