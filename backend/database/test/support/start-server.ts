// Run as a process of its own: starts or attaches, prints what it got, and stops the server when stdin ends.
import { startEmbeddedPostgres, type EmbeddedPostgresOptions } from '../../src/embedded/start-embedded-postgres.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as EmbeddedPostgresOptions;
try {
  const server = await startEmbeddedPostgres(options);
  const { port, pid, owned, dataDirectory } = server;
  console.log(JSON.stringify({ port, pid, owned, dataDirectory, url: server.url('postgres') }));
  process.stdin.on('end', () => void server.stop()).resume();
} catch (error) {
  console.log(JSON.stringify({ error: (error as Error).message }));
}
