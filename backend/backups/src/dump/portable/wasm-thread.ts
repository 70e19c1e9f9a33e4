/**
 * The thread in which pg_dump runs as WebAssembly. It believes to talk to a database in its own process, and waits for
 * each answer without ever returning: so it needs a thread of its own, and another one that owns the socket.
 */
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { pgDump } from '@electric-sql/pglite-tools/pg_dump';
import { asksForEncryption, greeting, wholeMessages } from './wire-messages.ts';

/** What the thread is started with. */
export interface WasmThreadData {
  /** What the server answers comes here: it can be looked at without returning. */
  readonly port: MessagePort;
  /** Counts up with each message to this thread. */
  readonly signal: SharedArrayBuffer;
  /** What the server says of itself at login. */
  readonly parameters: Readonly<Record<string, string>>;
  /** What pg_dump is started with. */
  readonly args: readonly string[];
}

/** What the thread says. */
export type FromWasmThread = { readonly write: Uint8Array } | { readonly done: string } | { readonly failed: string };

const tell = (message: FromWasmThread): void => parentPort?.postMessage(message);
const { port, signal, parameters, args } = workerData as WasmThreadData;
const counter = new Int32Array(signal);

function receive(): Buffer {
  for (;;) {
    const seen = Atomics.load(counter, 0);
    const received = receiveMessageOnPort(port) as { message: { data?: Uint8Array; closed?: string } } | undefined;
    if (received?.message.data) return Buffer.from(received.message.data);
    if (received?.message.closed !== undefined) throw new Error(received.message.closed);
    Atomics.wait(counter, 0, seen);
  }
}

/** The three methods of a database in this process that pgDump uses. */
class Relay {
  #outgoing = Buffer.alloc(0);
  #isStarted = false;

  query(): Promise<{ rows: { search_path: string }[] }> {
    return Promise.resolve({ rows: [{ search_path: '' }] });
  }

  exec(): Promise<unknown[]> {
    return Promise.resolve([]);
  }

  execProtocolRawStream(bytes: Uint8Array, { onRawData }: { onRawData: (data: Uint8Array) => void }): void {
    this.#outgoing = Buffer.concat([this.#outgoing, bytes]);
    if (!this.#isStarted && !this.#start(onRawData)) return;
    const { size, last } = wholeMessages(this.#outgoing);
    if (size === 0) return;
    // a copy: the memory of the program moves
    tell({ write: new Uint8Array(this.#outgoing.subarray(0, size)) });
    this.#outgoing = this.#outgoing.subarray(size);
    if (last === 'Q' || last === 'S') this.#answer(onRawData);
  }

  /** Answers the packets that begin a connection. Returns whether it has begun. */
  #start(onRawData: (data: Uint8Array) => void): boolean {
    while (this.#outgoing.length >= 8 && this.#outgoing.length >= this.#outgoing.readInt32BE(0)) {
      const packet = this.#outgoing;
      this.#outgoing = packet.subarray(packet.readInt32BE(0));
      if (asksForEncryption(packet)) {
        onRawData(Buffer.from('N'));
        continue;
      }
      onRawData(greeting(parameters));
      this.#isStarted = true;
      return true;
    }
    return false;
  }

  /** Waits until the server is ready for the next query. */
  #answer(onRawData: (data: Uint8Array) => void): void {
    let pending = Buffer.alloc(0);
    for (;;) {
      pending = Buffer.concat([pending, receive()]);
      const { size, last } = wholeMessages(pending);
      onRawData(new Uint8Array(pending.subarray(0, size)));
      pending = pending.subarray(size);
      if (last === 'Z') return;
    }
  }
}

try {
  const file = await pgDump({ pg: new Relay() as never, args: [...args] });
  tell({ done: await file.text() });
} catch (error) {
  const said = error instanceof Error ? error.message : String(error);
  tell({ failed: said });
}
