import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { backupEnvironment } from '@clearway/backups/environment';
import { DEFAULT_FILE } from '../../config-file.ts';
import type { CliContext } from '../../context.ts';
import type { Installation } from './plan.ts';

const USUAL = ['DATABASE_URL', 'DATA_DIRECTORY', 'CLEARWAY_CONFIG', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
/** A variable that `clearway.yaml` takes from the environment. */
const REFERENCE = /\benv:([A-Za-z_][A-Za-z0-9_]*)/g;

/**
 * Names of variables that are set here, matter to backups, and stand in no file that what a scheduler starts reads: cron and
 * systemd give it none of this shell's.
 */
export function unseenVariables(
  { directory, variables, processVariables, environmentFile }: CliContext,
  { environment }: Installation,
): string[] {
  const texts = [
    environmentFile?.text,
    environment === undefined ? undefined : readIfThere(path.join(directory, `.env.${environment}`)),
  ];
  const seen = Object.assign({}, ...texts.map((text) => parseEnv(text ?? ''))) as Record<string, string | undefined>;
  const configuration = readIfThere(path.resolve(directory, variables['CLEARWAY_CONFIG'] ?? DEFAULT_FILE)) ?? '';
  const named = [...configuration.matchAll(REFERENCE)].flatMap(([, name]) => name ?? []);
  const names = new Set([...USUAL, ...Object.keys(backupEnvironment), ...named]);
  return [...names].filter((name) => processVariables[name] && processVariables[name] !== seen[name]).sort();
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
