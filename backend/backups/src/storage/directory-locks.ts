import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { asBackupFailure } from '../failures.ts';
import { makeDirectory, writeDurably } from '../files/durable.ts';
import type { LockNote, StorageLocks } from './storage.ts';

const SUFFIX = '.json';

/** Notes as files of a folder. Each writing is a new file, whose number tells the versions apart. */
export function directoryLocks(folder: string): StorageLocks {
  const place = (name: string): string => path.join(folder, `${name}${SUFFIX}`);
  const read = async (name: string): Promise<LockNote | undefined> => {
    try {
      const { ino, mtimeNs, mtimeMs } = await stat(place(name), { bigint: true });
      const text = await readFile(place(name), 'utf8');
      return { text, version: `${ino}-${mtimeNs}`, writtenAtMs: Number(mtimeMs) };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw asBackupFailure(error, 'storage-failed');
    }
  };
  return {
    async create(name, text) {
      await makeDirectory(folder).catch(rethrow);
      const draft = path.join(folder, `${randomUUID()}.draft`);
      try {
        await writeFile(draft, text, { flag: 'wx', mode: 0o600 });
        // the name appears with its content, and only when there is none
        await link(draft, place(name));
        return true;
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false;
        return rethrow(error);
      } finally {
        await rm(draft, { force: true });
      }
    },
    read,
    async list(beginning) {
      const files = await readdir(folder).catch((error: unknown) => (codeOf(error) === 'ENOENT' ? [] : rethrow(error)));
      return files.flatMap((file) =>
        file.startsWith(beginning) && file.endsWith(SUFFIX) ? [file.slice(0, -SUFFIX.length)] : [],
      );
    },
    async replace(name, text, version) {
      if ((await read(name))?.version !== version) return false;
      await writeDurably(place(name), text).catch(rethrow);
      return true;
    },
    async remove(name, version) {
      if ((await read(name))?.version === version) await rm(place(name), { force: true });
    },
    async nowMs() {
      // a folder of another machine has that one's clock
      const probe = path.join(folder, `${randomUUID()}.draft`);
      try {
        await writeFile(probe, '', { flag: 'wx', mode: 0o600 });
        return (await stat(probe)).mtimeMs;
      } catch (error) {
        return rethrow(error);
      } finally {
        await rm(probe, { force: true });
      }
    },
  };
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

function rethrow(error: unknown): never {
  throw asBackupFailure(error, 'storage-failed');
}
