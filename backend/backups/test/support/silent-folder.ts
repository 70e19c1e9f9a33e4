/** Works on a folder that never answers, and prints how each work on it ended. */
import { BackupFailure, openBackups } from '@clearway/backups';
import { systemClock } from '@clearway/kernel';

const [localDirectory = ''] = process.argv.slice(2);
const sections = { databases: [], backups: [], backupStorages: [] };
const options = { sections, variables: {}, directory: '.', clock: systemClock, localDirectory, answerLimitMs: 500 };
const { engine, storages } = openBackups(options).database('clearway');
const [storage] = storages;
const works: Record<string, () => Promise<unknown>> = {
  list: () => storage.list(),
  lock: () => storage.locks.create('a', 'b'),
  create: () => engine.create({ connectionString: 'postgres://127.0.0.1:1/none', storage }),
  restores: () => engine.restores(),
};
const told: Record<string, unknown> = {};
for (const [name, work] of Object.entries(works)) {
  told[name] = await work().then(
    () => 'done',
    (error: unknown) => (error instanceof BackupFailure ? { reason: error.reason, message: error.message } : error),
  );
}
process.stdout.write(JSON.stringify(told));
