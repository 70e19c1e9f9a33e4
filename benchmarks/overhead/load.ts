import { connect, type Socket } from 'node:net';
import { AnswerReader } from './answer-reader.ts';
import { PATHS, requestBytes } from './answers.ts';
import type { Load, LoadOrder } from './generator.ts';
import { quantile } from './statistics.ts';

/**
 * The load generator: a closed loop on bare sockets, one request at a time on each connection. It takes its orders from
 * the process that forked it.
 */
// every piece is looked at before the next is read, so that all connections can share one
const shared = Buffer.allocUnsafe(256 * 1024);

class Loop {
  readonly #order: LoadOrder;
  readonly #requests: readonly Buffer[];
  readonly #latenciesMs: number[] = [];
  readonly #startMs = performance.now();
  readonly #untilMs: number;
  readonly #onEnd: (load: Load) => void;
  #open: number;
  #next = 0;
  #errors = 0;
  #firstError: string | undefined;

  constructor(order: LoadOrder, onEnd: (load: Load) => void) {
    this.#order = order;
    this.#requests = PATHS.map((path) => requestBytes(path, `127.0.0.1:${order.port}`));
    this.#untilMs = this.#startMs + order.seconds * 1000;
    this.#onEnd = onEnd;
    this.#open = order.connections;
    for (let i = 0; i < order.connections; i++) this.#openConnection();
  }

  #openConnection(): void {
    const reader = new AnswerReader(this.#order.bodyBytes);
    let sentMs = 0;
    const send = (): void => {
      sentMs = performance.now();
      socket.write(this.#requests[this.#next++ % this.#requests.length] as Buffer);
    };
    const onread = {
      buffer: shared,
      callback: (length: number): boolean => {
        const event = reader.take(shared.subarray(0, length));
        if (event === 'complete') {
          const now = performance.now();
          this.#latenciesMs.push(now - sentMs);
          if (now < this.#untilMs) send();
          else end();
        } else if (event !== undefined) end(event);
        return true;
      },
    };
    const socket: Socket = connect({ port: this.#order.port, host: '127.0.0.1', noDelay: true, onread }, send);
    let isOver = false;
    const end = (error?: string): void => {
      if (isOver) return;
      isOver = true;
      socket.destroy();
      this.#closed(error);
    };
    socket.on('error', ({ message }) => end(message));
    socket.on('end', () => end('the server closed the connection'));
  }

  #closed(error: string | undefined): void {
    if (error !== undefined) {
      this.#errors++;
      this.#firstError ??= error;
    }
    if (--this.#open > 0) return;
    const latencies = this.#latenciesMs.length > 0 ? this.#latenciesMs : [0];
    this.#onEnd({
      requests: this.#latenciesMs.length,
      errors: this.#errors,
      firstError: this.#firstError,
      cutOff: 0,
      elapsedSeconds: (performance.now() - this.#startMs) / 1000,
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
    });
  }
}

process.on('message', (order: LoadOrder) => new Loop(order, (load) => process.send?.(load)));
process.on('disconnect', () => process.exit());
