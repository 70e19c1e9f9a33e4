import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { fateOf, type ProcessIdentity } from './process-identity.ts';
import { readFlight, type Flight } from './read-flight.ts';

/** A file of a process that has ended. */
export interface Predecessor {
  readonly file: string;
  readonly startedAtMs: number;
  /** Whether a process before this one has told of it already. */
  readonly isTold: boolean;
}

const KEPT = 5;
const STRANGER_KEPT_MS = 7 * 86_400_000;
const UNTOLD = '.flight';
const TOLD = '.told';

/** Name of a new file: files of one public port belong together, and each process has its own. */
export function newFlightName(port: number): string {
  return `gateway-${port}-${process.pid}-${randomBytes(4).toString('hex')}${UNTOLD}`;
}

/**
 * The processes that served a port before, newest first. Files beyond the last few are removed, and so are those of other
 * machines once they are a week old; files of processes that still run are left alone.
 *
 * @param folder may be shared by several gateways
 */
export function findPredecessors(folder: string, port: number, own: ProcessIdentity): Predecessor[] {
  const names = readdirSync(folder).filter((name) => name.startsWith(`gateway-${port}-`));
  const ended = names.flatMap((name) => {
    const file = path.join(folder, name);
    const flight = readFile(file);
    if (flight === undefined) return removeStranger(file);
    const fate = fateOf(flight.facts, own);
    if (fate === 'unknown') return removeStranger(file);
    const { startedAtMs } = flight.facts;
    return fate === 'gone' ? [{ file, startedAtMs, isTold: name.endsWith(TOLD) }] : [];
  });
  ended.sort((a, b) => b.startedAtMs - a.startedAtMs);
  for (const { file } of ended.splice(KEPT)) rmSync(file, { force: true });
  return ended;
}

/**
 * Takes it upon this process to tell of a predecessor: of several that try, one succeeds.
 *
 * @returns where its file is from now on; undefined when another process was faster
 */
export function claim({ file }: Predecessor): string | undefined {
  const told = file.replace(/\.flight$/, TOLD);
  try {
    renameSync(file, told);
    return told;
  } catch {
    return undefined;
  }
}

/** Reads a file; undefined when it is gone or none of this version's. */
export function readFile(file: string): Flight | undefined {
  try {
    return readFlight(readFileSync(file));
  } catch {
    return undefined;
  }
}

/** Another machine's, or another version's: its own successor may still want it, but not for ever. */
function removeStranger(file: string): [] {
  const ageMs = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  if (ageMs > STRANGER_KEPT_MS) rmSync(file, { force: true });
  return [];
}
