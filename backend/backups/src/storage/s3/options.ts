/** Where in an S3-compatible storage backups are kept, and how it is reached. */
export interface S3StorageOptions {
  /** The configured name of the storage. */
  readonly id: string;
  readonly bucket: string;
  /** Beginning of all keys, such as `clearway/production/`. */
  readonly prefix?: string | undefined;
  readonly region?: string | undefined;
  /** Address of a server other than Amazon's, such as `https://s3.example.com`. */
  readonly endpoint?: string | undefined;
  /** Whether the bucket stands in the path; as a rule so with an endpoint of one's own. */
  readonly forcePathStyle?: boolean | undefined;
  /** Without keys, the usual places of the AWS tools are looked at. */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  readonly connectTimeoutMs?: number | undefined;
  /** How long a connection may stand still, also in the middle of a transfer. */
  readonly idleTimeoutMs?: number | undefined;
  /** How long one request may take, from its first byte to the head of its answer. */
  readonly requestTimeoutMs?: number | undefined;
  /** How often a request is tried. */
  readonly attempts?: number | undefined;
  /** Bytes of a part; at least 5 MiB. */
  readonly partSizeBytes?: number | undefined;
}
