import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CliContext } from '../context.ts';
import { failed, ok, warning, type Check } from './finding.ts';

const OLDEST_MAJOR = 24;
const NEWEST_TESTED_MAJOR = 26;

/** Whether this Node can run Clearway. */
export function nodeCheck(version = process.versions.node): Check {
  return {
    name: 'node',
    run() {
      const major = Number.parseInt(version, 10);
      if (major < OLDEST_MAJOR)
        return failed(`v${version} is too old`, `use Node ${OLDEST_MAJOR}: npx brings it in a clone`);
      if (major > NEWEST_TESTED_MAJOR) {
        return warning(
          `v${version} was not tested`,
          `use Node ${OLDEST_MAJOR} to ${NEWEST_TESTED_MAJOR} if something is odd`,
        );
      }
      return ok(`v${version}`);
    },
  };
}

const LOW_BYTES = 1024 ** 3;
const TOO_LOW_BYTES = 100 * 1024 ** 2;

/** Whether the data directory can be written to and has room. It is not made when it does not exist yet. */
export function diskCheck(context: CliContext): Check {
  const directory = path.resolve(context.directory, context.variables['DATA_DIRECTORY'] ?? '.data');
  return {
    name: 'disk',
    async run() {
      const existing = nearestExisting(directory);
      try {
        const probe = await mkdtemp(path.join(existing, '.clearway-doctor-'));
        await writeFile(path.join(probe, 'probe'), 'probe').finally(() => rm(probe, { recursive: true, force: true }));
      } catch (error) {
        return failed(
          `${existing} cannot be written to (${(error as Error).message})`,
          'change its owner, or set DATA_DIRECTORY',
        );
      }
      const { bavail, bsize } = await statfs(existing);
      const freeBytes = bavail * bsize;
      const message = `${megabytes(freeBytes)} free in ${existing}`;
      const remedy = 'make room, or set DATA_DIRECTORY to another disk';
      if (freeBytes < TOO_LOW_BYTES) return failed(message, remedy);
      return freeBytes < LOW_BYTES ? warning(message, remedy) : ok(message);
    },
  };
}

function nearestExisting(directory: string): string {
  return existsSync(directory) ? directory : nearestExisting(path.dirname(directory));
}

function megabytes(bytes: number): string {
  return bytes >= 10 * 1024 ** 3 ? `${Math.round(bytes / 1024 ** 3)} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`;
}

const SANITY_MS = 100;
const TOLERATED_MS = 50;
const OFFSET_WARNING_MS = 2000;

/**
 * Whether time runs evenly, and whether this machine and the database agree on it; without a database only the first.
 *
 * @param databaseNowMs asks the database for its time in milliseconds since 1970
 */
export function clockCheck(context: CliContext, databaseNowMs: () => Promise<number | undefined>): Check {
  const { clock } = context;
  return {
    name: 'clock',
    async run(signal) {
      const [wallMs, monotonicMs] = [clock.nowMs(), clock.monotonicMs()];
      await sleep(SANITY_MS, undefined, { signal });
      const driftMs = clock.nowMs() - wallMs - (clock.monotonicMs() - monotonicMs);
      if (Math.abs(driftMs) > TOLERATED_MS) {
        return warning(
          `the clock was set by ${Math.round(driftMs)} ms just now`,
          'see whether NTP is steady: timedatectl',
        );
      }
      const beforeMs = clock.nowMs();
      const databaseMs = await databaseNowMs().catch(() => undefined);
      if (databaseMs === undefined) return ok('runs evenly; no database to compare it with');
      const offsetMs = Math.round(databaseMs - (beforeMs + clock.nowMs()) / 2);
      const message = `${Math.abs(offsetMs)} ms ${offsetMs < 0 ? 'ahead of' : 'behind'} the database's clock`;
      if (Math.abs(offsetMs) <= OFFSET_WARNING_MS) return ok(message);
      return warning(
        message,
        'let both machines follow NTP: times of traces, alerts and backups would not fit together',
      );
    },
  };
}
