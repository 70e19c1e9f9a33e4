import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../../tests/end-to-end/support/servers.ts';
import { s3Storage, type BackupStorage, type S3StorageOptions } from '../../src/index.ts';

/** versitygw; set by .ci/run, which installs it: a real S3-compatible server comes with no package of npm. */
export const S3_SERVER = process.env['CLEARWAY_S3_SERVER'];

/** A real S3-compatible server, which keeps its objects as files. */
export interface S3Server {
  readonly endpoint: string;
  readonly options: (change?: Partial<S3StorageOptions>) => S3StorageOptions;
  readonly storage: (change?: Partial<S3StorageOptions>) => BackupStorage;
  /** Where an object lies as a file, for a test that damages it. */
  readonly fileOf: (key: string) => string;
  close(): Promise<void>;
}

const KEYS = { accessKeyId: 'the-access-key', secretAccessKey: 'the-secret-key' };
const BUCKET = 'backups';

/** Starts one on a free port of loopback. */
export async function openS3Server(): Promise<S3Server> {
  const root = mkdtempSync(path.join(tmpdir(), 'clearway-s3-'));
  mkdirSync(path.join(root, BUCKET));
  const port = await freePort();
  const server = spawn(S3_SERVER ?? '', ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', root], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env['PATH'], ROOT_ACCESS_KEY: KEYS.accessKeyId, ROOT_SECRET_KEY: KEYS.secretAccessKey },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await untilItAnswers(endpoint, server);
  const options = (change: Partial<S3StorageOptions> = {}): S3StorageOptions => ({
    id: 'offsite',
    bucket: BUCKET,
    prefix: 'clearway/',
    endpoint,
    ...KEYS,
    ...change,
  });
  return {
    endpoint,
    options,
    storage: (change) => s3Storage(options(change)),
    fileOf: (key) => path.join(root, BUCKET, key),
    async close() {
      server.kill('SIGKILL');
      await once(server, 'exit');
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function untilItAnswers(endpoint: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (server.exitCode !== null) throw new Error(`the S3 server ended with ${server.exitCode}`);
    const answered = await fetch(endpoint).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await sleep(100);
  }
  throw new Error('the S3 server does not answer');
}
