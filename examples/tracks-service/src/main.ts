import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { drainOnFatalError, logger, shutdownTelemetry } from '@clearway/telemetry';
import { buildApp } from './app.ts';
import type { Configuration } from './config/environment.ts';
import { openDatabase } from './database.ts';
import { createDrain } from './http/drain.ts';
import { startTrackJobs } from './jobs/start.ts';
import { openUploadStore } from './tracks/upload-store.ts';

const DRAIN_LIMIT_MS = 10_000;

/** Starts the service, and ends it in order on SIGTERM, SIGINT or the loss of its supervisor. */
export async function main(configuration: Configuration): Promise<void> {
  const { maxUploadBytes } = configuration;
  const uploads = await openUploadStore(configuration.uploadDirectory, maxUploadBytes);
  const database = openDatabase(configuration.databaseUrl);
  const drain = createDrain();
  const { jobsDatabaseUrl } = configuration;
  const jobs = jobsDatabaseUrl === undefined ? undefined : startTrackJobs(jobsDatabaseUrl, { database, uploads });
  const server = createServer(buildApp({ database, uploads, maxUploadBytes, drain, onStored: jobs?.inspect }));

  const release = async (): Promise<void> => {
    drain.begin();
    await closeServer(server);
    await jobs?.stop();
    await database.$disconnect();
  };
  const end = async (cause: string): Promise<void> => {
    if (drain.draining()) return;
    logger.info('draining', { cause });
    await release();
    await shutdownTelemetry(5000);
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end(signal));
  if (process.connected) process.on('disconnect', () => void end('disconnect'));
  drainOnFatalError(release);

  await listen(server, configuration);
  const { address, port } = server.address() as AddressInfo;
  logger.info('listening', { host: address, port });
}

function listen(server: Server, { port, host }: Configuration): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new Error(`port ${port} is taken: set PORT to a free one`) : error),
    );
    server.listen(port, host, resolve);
  });
}

/** Lets requests in progress finish, and breaks those that take too long. */
function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => server.closeAllConnections(), DRAIN_LIMIT_MS);
    server.close(() => {
      clearTimeout(limit);
      resolve();
    });
  });
}
