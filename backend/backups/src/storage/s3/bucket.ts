import type { Readable } from 'node:stream';
import type * as Library from '@aws-sdk/client-s3';
import { isMissing, isRefusedByCondition, s3Failure } from './s3-failure.ts';
import type { S3StorageOptions } from './options.ts';

/** An object as the storage describes it. */
export interface ObjectFacts {
  readonly sizeBytes: number;
  /** SHA-256 in Base64; of an object in parts that of the parts' hashes, with their number. */
  readonly sha256?: string | undefined;
  readonly version: string;
  readonly modifiedMs: number;
}

/** A key in a listing. */
export interface ListedKey {
  readonly key: string;
  readonly modifiedMs: number;
}

/** An upload in parts that was begun and neither completed nor aborted. */
export interface OpenUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly begunMs: number;
}

/** A part as it was stored. */
export interface StoredPart {
  readonly number: number;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly sha256: string | undefined;
}

/** A body that was asked for. */
export interface OpenObject {
  readonly body: Readable;
  readonly sizeBytes: number;
  readonly version: string;
  readonly modifiedMs: number;
}

/** What a writing depends on. */
export interface WriteCondition {
  readonly isNew?: boolean;
  readonly version?: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 60_000;
const REQUEST_TIMEOUT_MS = 120_000;
const ATTEMPTS = 5;

/** A bucket, with the few requests that storing backups takes. All failures are BackupFailures. */
export class Bucket {
  readonly location: string;
  readonly attempts: number;
  readonly idleTimeoutMs: number;
  readonly #options: S3StorageOptions;
  #opened: Promise<{ client: Library.S3Client; library: typeof Library }> | undefined;

  constructor(options: S3StorageOptions) {
    const { endpoint, bucket, prefix = '' } = options;
    this.#options = options;
    this.attempts = options.attempts ?? ATTEMPTS;
    this.idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
    this.location = `s3://${bucket}${prefix ? `/${prefix.replace(/\/+$/, '')}` : ''}`;
    if (endpoint !== undefined && new URL(endpoint).password) throw new Error('the endpoint must hold no password');
  }

  /** What time it is by the storage's clock: the library corrects its own by what the storage answers. */
  nowMs(): Promise<number> {
    return this.#do('ask for the time', ({ offsetMs }) => Promise.resolve(Date.now() + offsetMs));
  }

  head(key: string): Promise<ObjectFacts | undefined> {
    return this.#unlessMissing(`look at ${key}`, async ({ library, send }) => {
      const found = await send(new library.HeadObjectCommand({ ...this.#of(key), ChecksumMode: 'ENABLED' }));
      return {
        sizeBytes: found.ContentLength ?? 0,
        sha256: found.ChecksumSHA256,
        version: found.ETag ?? '',
        modifiedMs: found.LastModified?.getTime() ?? 0,
      };
    });
  }

  /** Begins to read; from some byte on if it is still the same version. Undefined when there is no such key. */
  get(key: string, from?: { readonly offset: number; readonly version: string }): Promise<OpenObject | undefined> {
    return this.#unlessMissing(`read ${key}`, async ({ library, send }) => {
      const range = from ? { Range: `bytes=${from.offset}-`, IfMatch: from.version } : {};
      const found = await send(new library.GetObjectCommand({ ...this.#of(key), ...range }));
      const sizeBytes = (from?.offset ?? 0) + (found.ContentLength ?? 0);
      const modifiedMs = found.LastModified?.getTime() ?? 0;
      return { body: found.Body as Readable, sizeBytes, version: found.ETag ?? '', modifiedMs };
    });
  }

  /** Writes a whole object. False when the condition did not hold. */
  put(
    key: string,
    content: Buffer,
    how: { readonly sha256?: string; readonly signal?: AbortSignal | undefined } & WriteCondition = {},
  ): Promise<boolean> {
    const { sha256, isNew, version, signal } = how;
    return this.#do(`store ${key}`, async ({ library, send }) => {
      const input = {
        ...this.#of(key),
        Body: content,
        ...(sha256 !== undefined && { ChecksumSHA256: sha256 }),
        ...(isNew && { IfNoneMatch: '*' }),
        ...(version !== undefined && { IfMatch: version }),
      };
      try {
        await send(new library.PutObjectCommand(input), signal);
        return true;
      } catch (error) {
        if ((isNew || version !== undefined) && (isRefusedByCondition(error) || isMissing(error))) return false;
        throw error;
      }
    });
  }

  async remove(key: string): Promise<void> {
    await this.#unlessMissing(`remove ${key}`, ({ library, send }) =>
      send(new library.DeleteObjectCommand(this.#of(key))),
    );
  }

  list(prefix: string): Promise<ListedKey[]> {
    return this.#do('list the backups', async ({ library, send }) => {
      const keys: ListedKey[] = [];
      let ContinuationToken: string | undefined;
      do {
        const input = { Bucket: this.#options.bucket, Prefix: prefix, ContinuationToken };
        const page = await send(new library.ListObjectsV2Command(input));
        for (const { Key = '', LastModified } of page.Contents ?? [])
          keys.push({ key: Key, modifiedMs: LastModified?.getTime() ?? 0 });
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined);
      return keys;
    });
  }

  listUploads(prefix: string): Promise<OpenUpload[]> {
    return this.#do('list the open uploads', async ({ library, send }) => {
      const uploads: OpenUpload[] = [];
      let next: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {};
      while (next) {
        const input = { Bucket: this.#options.bucket, Prefix: prefix, ...next };
        const page: Library.ListMultipartUploadsCommandOutput = await send(
          new library.ListMultipartUploadsCommand(input),
        );
        for (const { Key = '', UploadId = '', Initiated } of page.Uploads ?? [])
          uploads.push({ key: Key, uploadId: UploadId, begunMs: Initiated?.getTime() ?? 0 });
        next = page.IsTruncated
          ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
          : undefined;
      }
      return uploads;
    });
  }

  startUpload(key: string): Promise<string> {
    return this.#do(`begin to store ${key}`, async ({ library, send }) => {
      const input = { ...this.#of(key), ChecksumAlgorithm: 'SHA256', ChecksumType: 'COMPOSITE' } as const;
      return (await send(new library.CreateMultipartUploadCommand(input))).UploadId ?? '';
    });
  }

  listParts(key: string, uploadId: string): Promise<StoredPart[]> {
    return this.#do(`continue to store ${key}`, async ({ library, send }) => {
      const parts: StoredPart[] = [];
      let PartNumberMarker: string | undefined;
      do {
        const input = { ...this.#of(key), UploadId: uploadId, PartNumberMarker };
        const page: Library.ListPartsCommandOutput = await send(new library.ListPartsCommand(input));
        for (const { PartNumber = 0, Size = 0, ETag = '', ChecksumSHA256 } of page.Parts ?? [])
          parts.push({ number: PartNumber, sizeBytes: Size, etag: ETag, sha256: ChecksumSHA256 });
        PartNumberMarker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
      } while (PartNumberMarker !== undefined);
      return parts;
    });
  }

  storePart(
    { key, uploadId }: Pick<OpenUpload, 'key' | 'uploadId'>,
    part: { readonly number: number; readonly content: Buffer; readonly sha256: string },
    signal: AbortSignal | undefined,
  ): Promise<StoredPart> {
    const { number, content, sha256 } = part;
    return this.#do(`store part ${number} of ${key}`, async ({ library, send }) => {
      const input = { ...this.#of(key), UploadId: uploadId, PartNumber: number, Body: content, ChecksumSHA256: sha256 };
      const { ETag = '' } = await send(new library.UploadPartCommand(input), signal);
      return { number, sizeBytes: content.length, etag: ETag, sha256 };
    });
  }

  async completeUpload(key: string, uploadId: string, parts: readonly StoredPart[]): Promise<void> {
    const Parts = parts.map(({ number, etag, sha256 }) => ({ PartNumber: number, ETag: etag, ChecksumSHA256: sha256 }));
    // one that is gone was completed by the try before, whose answer was lost, or by another machine: what lies there is
    // looked at afterwards
    await this.#unlessMissing(`complete ${key}`, ({ library, send }) =>
      send(
        new library.CompleteMultipartUploadCommand({
          ...this.#of(key),
          UploadId: uploadId,
          MultipartUpload: { Parts },
          ChecksumType: 'COMPOSITE',
        }),
      ),
    );
  }

  async abortUpload(key: string, uploadId: string): Promise<void> {
    await this.#unlessMissing(`abort the upload of ${key}`, ({ library, send }) =>
      send(new library.AbortMultipartUploadCommand({ ...this.#of(key), UploadId: uploadId })),
    );
  }

  #of(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#options.bucket, Key: key };
  }

  async #unlessMissing<T>(doing: string, work: (at: At) => Promise<T>): Promise<T | undefined> {
    return this.#do(doing, async (at) => {
      try {
        return await work(at);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async #do<T>(doing: string, work: (at: At) => Promise<T>): Promise<T> {
    try {
      const { client, library } = await (this.#opened ??= openClient(this.#options, this));
      const send = ((command: never, abortSignal?: AbortSignal) =>
        client.send(command, abortSignal ? { abortSignal } : {})) as At['send'];
      return await work({ library, send, offsetMs: client.config.systemClockOffset });
    } catch (error) {
      throw s3Failure(error, this.location, doing);
    }
  }
}

interface At {
  readonly library: typeof Library;
  /** How far the storage's clock is before this machine's, when that is more than some minutes. */
  readonly offsetMs: number;
  readonly send: <Input extends Library.ServiceInputTypes, Output extends Library.ServiceOutputTypes>(
    command: SmithyCommand<Input, Output>,
    signal?: AbortSignal,
  ) => Promise<Output>;
}
type SmithyCommand<Input extends Library.ServiceInputTypes, Output extends Library.ServiceOutputTypes> = Parameters<
  typeof Library.S3Client.prototype.send<Input, Output>
>[0];

/** The library is large: it is loaded by who has such a storage. */
async function openClient(
  { region, endpoint, forcePathStyle, accessKeyId, secretAccessKey, sessionToken, ...limits }: S3StorageOptions,
  { attempts, idleTimeoutMs }: { readonly attempts: number; readonly idleTimeoutMs: number },
) {
  const library = await import('@aws-sdk/client-s3');
  const client = new library.S3Client({
    region: region ?? 'us-east-1',
    ...(endpoint !== undefined && { endpoint }),
    forcePathStyle: forcePathStyle ?? endpoint !== undefined,
    maxAttempts: attempts,
    // hashes are ours: of each part when it is sent, of each file when it is read
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: limits.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      requestTimeout: limits.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      socketTimeout: idleTimeoutMs,
    },
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
      }),
  });
  return { client, library };
}
