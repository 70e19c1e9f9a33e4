import { createHash, randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';

/** What is older was left by a process that was killed. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/** More came than is allowed. */
export class UploadTooLarge extends Error {
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    super(`more than ${maxBytes} bytes`);
    this.name = 'UploadTooLarge';
    this.maxBytes = maxBytes;
  }
}

/** A file that arrived whole, under a name that nothing refers to yet. */
export interface StoredFile {
  /** Name below the store's directory. */
  readonly name: string;
  readonly sizeBytes: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** Files on disk. A file has its name only once it is complete, and is never changed afterwards. */
export interface UploadStore {
  readonly directory: string;
  /**
   * Writes a stream to disk as it comes. The stream is left open when it holds too much, so that the sender can be
   * answered.
   *
   * @throws UploadTooLarge, or the stream's error when it broke off; nothing is left behind then
   */
  receive(body: Readable): Promise<StoredFile>;
  remove(name: string): Promise<void>;
}

/** Not by `recursive`, which Node tries forever where nobody can make anything, as in `/proc`. */
async function makeDirectory(directory: string): Promise<void> {
  if ((await stat(directory).catch(() => undefined))?.isDirectory()) return;
  await makeDirectory(dirname(directory));
  await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return;
    throw new Error(`${error.message}: set UPLOAD_DIRECTORY to a folder that this account may write to`);
  });
}

/**
 * Opens the store, and removes what interrupted uploads of earlier processes left.
 *
 * @param maxBytes of one file
 */
export async function openUploadStore(directory: string, maxBytes: number): Promise<UploadStore> {
  const incoming = join(directory, 'incoming');
  await makeDirectory(incoming);
  await removeAbandoned(incoming);
  return {
    directory,
    async receive(body) {
      const name = randomUUID();
      const draft = join(incoming, name);
      try {
        const written = await writeTo(draft, body, maxBytes);
        await rename(draft, join(directory, name));
        return { name, ...written };
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
    },
    remove: (name) => rm(join(directory, name), { force: true }),
  };
}

async function writeTo(path: string, body: Readable, maxBytes: number): Promise<Omit<StoredFile, 'name'>> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  await using file = await open(path, 'wx', 0o600);
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw new UploadTooLarge(maxBytes);
    hash.update(chunk);
    await file.writeFile(chunk);
  }
  await file.sync();
  return { sizeBytes, sha256: hash.digest('hex') };
}

async function removeAbandoned(incoming: string): Promise<void> {
  for (const name of await readdir(incoming)) {
    const found: Stats | undefined = await stat(join(incoming, name)).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > ABANDONED_MS) await rm(join(incoming, name), { force: true });
  }
}
