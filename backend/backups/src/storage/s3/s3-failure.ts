import { BackupFailure } from '../../failures.ts';

interface S3Error {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const statusOf = (error: unknown): number | undefined => (error as S3Error).$metadata?.httpStatusCode;
const nameOf = (error: unknown): string => (error as S3Error).name ?? '';

/** There is no such key, bucket or upload. */
export const isMissing = (error: unknown): boolean =>
  /^(NoSuchKey|NotFound)$/.test(nameOf(error)) || (statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket');

/** A condition of the request did not hold. */
export const isRefusedByCondition = (error: unknown): boolean => statusOf(error) === 412 || statusOf(error) === 409;

/** Whether another try may help. */
export const isTransient = (error: unknown): boolean => {
  const status = statusOf(error);
  return status === undefined || status === 429 || status >= 500;
};

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/^NoSuchBucket$/, 'make the bucket, or correct its name'],
  [
    /^(InvalidAccessKeyId|SignatureDoesNotMatch|CredentialsProviderError|ExpiredToken)$/,
    'correct the keys of the storage',
  ],
  [/^AccessDenied$/, 'let the keys list, read, write and delete below the prefix'],
  [/^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)$/, 'correct the region'],
  [/^RequestTimeTooSkewed$/, 'set the clock of this machine'],
  [
    /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/,
    'correct the endpoint of the storage, or the network',
  ],
  [/^(ETIMEDOUT|ECONNRESET|TimeoutError)$/, 'look whether the storage answers from here, and try again'],
];

/**
 * Says what a storage refused. What the library throws is not passed on: it holds keys and signed requests.
 *
 * @param doing such as `store manifest.json`
 */
export function s3Failure(error: unknown, location: string, doing: string): BackupFailure {
  if (error instanceof BackupFailure) return error;
  const { name = '', message = '', code } = error as S3Error;
  if (name === 'AbortError') return new BackupFailure('interrupted', `${doing} was stopped`);
  const status = statusOf(error);
  const [, remedy] = REMEDIES.find(([pattern]) => pattern.test(name) || pattern.test(code ?? '')) ?? [];
  const what = [
    status === undefined ? code : `HTTP ${status}`,
    name,
    CLEAR.has(name) ? '' : message.replace(/^AWS SDK error wrapper for /, ''),
  ].filter(Boolean);
  return new BackupFailure('storage-failed', `${location} failed to ${doing}: ${what.join(', ')}`, {
    ...(remedy !== undefined && { remedy }),
    ...(code !== undefined && { cause: { code } }),
  });
}

/** Errors whose message may repeat a key. */
const CLEAR = new Set(['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AuthorizationHeaderMalformed', 'InvalidToken']);
