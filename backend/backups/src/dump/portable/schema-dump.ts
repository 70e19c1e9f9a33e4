import { once } from 'node:events';
import type { Socket } from 'node:net';
import { MessageChannel, Worker } from 'node:worker_threads';
import type pg from 'pg';
import { openSession } from '../../connection/session.ts';
import { BackupFailure } from '../../failures.ts';
import type { FromWasmThread, WasmThreadData } from './wasm-thread.ts';

/** What comes before the rows, and what comes after them. */
export interface SchemaScripts {
  readonly before: string;
  readonly after: string;
}

/** What this relies on of a client of `pg`, which is pinned. */
interface Internals {
  readonly connection: { readonly stream: Socket };
}

/**
 * Has pg_dump, as WebAssembly, write everything but the rows of a snapshot. This side logs in and owns the socket.
 *
 * @throws BackupFailure `dump-failed` with what pg_dump said
 */
export async function dumpSchema(
  connectionString: string,
  snapshot: string,
  signal: AbortSignal,
): Promise<SchemaScripts> {
  const section = async (name: string): Promise<string> => {
    const args = [`--section=${name}`, `--snapshot=${snapshot}`, '--encoding=UTF8'];
    // each run ends its connection
    const client = await openSession({ connectionString, applicationName: 'clearway-backup' });
    try {
      return await runThread(client, args, signal);
    } finally {
      (client as unknown as Internals).connection.stream.destroy();
    }
  };
  return { before: await section('pre-data'), after: await section('post-data') };
}

async function runThread(client: pg.Client, args: readonly string[], signal: AbortSignal): Promise<string> {
  const parameters = await readParameters(client);
  const socket = takeSocket(client);
  const { port1: port, port2 } = new MessageChannel();
  const shared = new SharedArrayBuffer(4);
  const counter = new Int32Array(shared);
  const tell = (message: { data: Uint8Array } | { closed: string }): void => {
    port.postMessage(message);
    Atomics.add(counter, 0, 1);
    Atomics.notify(counter, 0);
  };
  // the file beside this one: of the sources, or of the build
  const file = new URL(import.meta.url.endsWith('.ts') ? './wasm-thread.ts' : './wasm-thread.js', import.meta.url);
  const workerData: WasmThreadData = { port: port2, signal: shared, parameters, args };
  const thread = new Worker(file, { workerData, transferList: [port2], execArgv: [], stderr: false });
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.on('data', (bytes: Buffer) => tell({ data: new Uint8Array(bytes) }));
      socket.on('close', () => tell({ closed: 'the server closed the connection' }));
      socket.on('error', (error) => tell({ closed: error.message }));
      // these come before its end does, which is not so on another port
      thread.on('message', (message: FromWasmThread) => {
        if ('write' in message) socket.write(message.write);
        else if ('done' in message) resolve(message.done);
        else reject(new BackupFailure('dump-failed', `the portable pg_dump failed: ${message.failed.trim()}`));
      });
      thread.once('error', (error: Error) =>
        reject(new BackupFailure('dump-failed', `the portable pg_dump failed: ${error.message}`)),
      );
      thread.once('exit', () =>
        reject(new BackupFailure('dump-failed', 'the portable pg_dump ended without a result')),
      );
      once(signal, 'abort').then(
        () => reject(new BackupFailure('interrupted', 'the dump was told to stop')),
        () => {},
      );
      if (signal.aborted) reject(new BackupFailure('interrupted', 'the dump was told to stop'));
    });
  } finally {
    port.close();
    await thread.terminate();
  }
}

/** What a server reports of itself at login, as far as pg_dump looks at it. */
async function readParameters(client: pg.Client): Promise<Record<string, string>> {
  const names = ['server_version', 'server_encoding', 'client_encoding', 'standard_conforming_strings', 'is_superuser'];
  const { rows } = await client.query<{ name: string; value: string }>(
    'SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name',
    [names],
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

/** Takes the socket away from the client, which reads and writes nothing from then on. */
function takeSocket(client: pg.Client): Socket {
  const { stream } = (client as unknown as Internals).connection;
  for (const event of ['data', 'error', 'end', 'close']) stream.removeAllListeners(event);
  return stream;
}
