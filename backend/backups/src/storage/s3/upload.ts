import type { Readable } from 'node:stream';
import { BackupFailure } from '../../failures.ts';
import type { Bucket, OpenUpload, StoredPart } from './bucket.ts';
import { compositeSha256, cutOf, cutStream, sha256Of, type Cut } from './parts.ts';

/** A file that is to be stored. */
export interface FileToStore {
  readonly key: string;
  readonly sizeBytes: number;
  readonly open: () => Promise<Readable>;
  readonly partSizeBytes?: number | undefined;
  readonly onBytes: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Stores a file, in parts when it is large, each with its hash, and makes sure that it lies there. An upload that another
 * process began and did not end is continued: parts that lie there with the right hash are not sent again.
 *
 * @throws BackupFailure `storage-failed`, also when the storage said yes and does not hold what it was given
 */
export async function storeFile(bucket: Bucket, file: FileToStore): Promise<void> {
  const cut = cutOf(file.sizeBytes, file.partSizeBytes);
  const sha256 =
    file.sizeBytes <= cut.partBytes ? await storeWhole(bucket, file, cut) : await storeInParts(bucket, file, cut);
  await makeSure(bucket, file, sha256);
}

async function storeWhole(bucket: Bucket, file: FileToStore, { partBytes }: Cut): Promise<string> {
  const parts = cutStream(await file.open(), partBytes, () => Promise.resolve(Buffer.allocUnsafe(partBytes)));
  const { value: content = Buffer.alloc(0) } = (await parts.next()) as IteratorResult<Buffer, undefined>;
  if (content.length !== file.sizeBytes) throw sourceChanged(file);
  const sha256 = sha256Of(content);
  await bucket.put(file.key, content, { sha256, signal: file.signal });
  file.onBytes(content.length);
  return sha256;
}

async function storeInParts(bucket: Bucket, file: FileToStore, cut: Cut): Promise<string> {
  const begun = await findUpload(bucket, file.key);
  if (!begun) {
    const stored = await isThere(bucket, file, cut);
    if (stored !== undefined) return stored;
  }
  const upload = begun ?? { key: file.key, uploadId: await bucket.startUpload(file.key) };
  const known = begun ? await bucket.listParts(upload.key, upload.uploadId) : [];
  const parts = await sendParts(bucket, upload, known, file, cut);
  await bucket.completeUpload(upload.key, upload.uploadId, parts);
  return compositeSha256(parts.map(({ sha256 }) => sha256 ?? ''));
}

/** The newest upload of a key that is open; older ones are aborted. */
async function findUpload(bucket: Bucket, key: string): Promise<OpenUpload | undefined> {
  const open = (await bucket.listUploads(key)).filter((upload) => upload.key === key);
  const [newest, ...older] = open.sort((a, b) => b.begunMs - a.begunMs);
  for (const { uploadId } of older) await bucket.abortUpload(key, uploadId);
  return newest;
}

/** A process that was killed may have stored this file whole. */
async function isThere(bucket: Bucket, file: FileToStore, { partBytes }: Cut): Promise<string | undefined> {
  const facts = await bucket.head(file.key);
  if (facts?.sizeBytes !== file.sizeBytes || facts.sha256 === undefined) return undefined;
  const one = Buffer.allocUnsafe(partBytes);
  const hashes: string[] = [];
  for await (const part of cutStream(await file.open(), partBytes, () => Promise.resolve(one))) {
    file.signal?.throwIfAborted();
    hashes.push(sha256Of(part));
  }
  return compositeSha256(hashes) === facts.sha256 ? facts.sha256 : undefined;
}

async function sendParts(
  bucket: Bucket,
  upload: Pick<OpenUpload, 'key' | 'uploadId'>,
  known: readonly StoredPart[],
  file: FileToStore,
  { partBytes, slots }: Cut,
): Promise<StoredPart[]> {
  const parts: StoredPart[] = [];
  const free: Buffer[] = Array.from({ length: slots }, () => Buffer.allocUnsafe(partBytes));
  const underWay = new Set<Promise<void>>();
  const source = await file.open();
  const failed: { cause?: unknown } = {};
  const stopWhenFailed = (): void => {
    if ('cause' in failed) throw failed.cause;
  };
  const lend = async (): Promise<Buffer> => {
    while (free.length === 0 && !('cause' in failed)) await Promise.race(underWay);
    stopWhenFailed();
    return free.pop() as Buffer;
  };
  let sentBytes = 0;
  let number = 0;
  const send = async (at: number, content: Buffer): Promise<void> => {
    const sha256 = sha256Of(content);
    const there = known.find(
      (part) => part.number === at && part.sizeBytes === content.length && part.sha256 === sha256,
    );
    parts[at - 1] = there ?? (await bucket.storePart(upload, { number: at, content, sha256 }, file.signal));
    sentBytes += content.length;
    file.onBytes(sentBytes);
    free.push(content.length === partBytes ? content : Buffer.alloc(0));
  };
  try {
    for await (const part of cutStream(source, partBytes, lend)) {
      const sending = send(++number, part)
        .catch((cause: unknown) => void (failed.cause ??= cause))
        .finally(() => underWay.delete(sending));
      underWay.add(sending);
    }
  } finally {
    source.destroy();
    await Promise.all(underWay);
  }
  stopWhenFailed();
  if (sentBytes !== file.sizeBytes) throw sourceChanged(file);
  return parts;
}

/** A storage may say yes and lose what it was given. */
async function makeSure(bucket: Bucket, { key, sizeBytes }: FileToStore, sha256: string): Promise<void> {
  const facts = await bucket.head(key);
  const fail = (what: string): never => {
    throw new BackupFailure('storage-failed', `${bucket.location} answered that it stored ${key}, and ${what}`, {
      remedy: 'look after the storage; the backup is stored again by the next run',
    });
  };
  if (!facts) return fail('does not hold it');
  if (facts.sizeBytes !== sizeBytes) fail(`holds ${facts.sizeBytes} of ${sizeBytes} bytes`);
  if (facts.sha256 !== undefined && facts.sha256 !== sha256) fail('holds something else: its checksum differs');
}

const sourceChanged = ({ key }: FileToStore): BackupFailure =>
  new BackupFailure('damaged', `what was to be stored as ${key} has not the size that it should have`);
