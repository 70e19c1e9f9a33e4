/** Does one thing with backups in a process of its own, which a test may kill, and prints what came of it as JSON. */
import { systemClock } from '@clearway/kernel';
import {
  BackupFailure,
  directoryStorage,
  embeddedScratch,
  logicalEngine,
  readBackup,
  serverScratch,
} from '../../src/index.ts';

/** What the process shall do. */
export interface ChildTask {
  readonly action: 'create' | 'restore' | 'verify';
  readonly connectionString: string;
  readonly directory: string;
  readonly pgDump?: string | null;
  readonly scratchUrl?: string;
  readonly backupId?: string;
  readonly to?: string;
  readonly inPlace?: boolean;
}

const task = JSON.parse(process.argv[2] ?? '{}') as ChildTask;
const { action, connectionString, directory, pgDump, scratchUrl, backupId = '', to = '', inPlace } = task;
const clock = systemClock;
const storage = directoryStorage(directory);
const engine = logicalEngine({
  clock,
  tools: { variables: process.env, pgDump },
  workDirectory: directory,
  scratch: scratchUrl ? serverScratch({ clock, serverUrl: scratchUrl, allowSourceServer: true }) : embeddedScratch(),
});
const onProgress = ({ phase }: { phase: string }): void => void process.stderr.write(`${phase}\n`);

async function run(): Promise<unknown> {
  if (action === 'create') {
    const { id } = await engine.create({ connectionString, storage, acceptNewIdentity: true, onProgress });
    return { id };
  }
  const backup = await readBackup(storage, backupId);
  if (action === 'verify') {
    const { verification } = await engine.verify({ backup, level: 'exact', onProgress });
    return verification;
  }
  return engine.restore({
    backup,
    serverUrl: connectionString,
    database: to,
    storage,
    allowUnproven: true,
    inPlace,
    onProgress,
  });
}

try {
  process.stdout.write(JSON.stringify(await run()));
} catch (error) {
  const failure = error instanceof BackupFailure ? error : undefined;
  process.stdout.write(JSON.stringify({ failure: failure?.reason ?? 'unexpected', message: String(error) }));
  process.exitCode = failure?.exitCode ?? 1;
}
