import { spawnSync } from 'node:child_process';
import path from 'node:path';

/** Whether programs are installed here. */
export const hasTools = (...tools: readonly string[]): boolean =>
  tools.every((tool) => spawnSync(tool, ['--version']).status === 0);

/** Folder with the programs of PostgreSQL 17; set by .ci/run, which installs them: they come with no package of npm. */
export const NEWER_POSTGRESQL = process.env['CLEARWAY_NEWER_POSTGRESQL'];

/** Their pg_dump, which compresses with zstd by itself. */
export const NEWER_PG_DUMP = NEWER_POSTGRESQL === undefined ? null : path.join(NEWER_POSTGRESQL, 'pg_dump');
