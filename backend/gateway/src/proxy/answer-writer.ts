import type { ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import type { TimeLimits } from './time-limits.ts';

/** Longer pieces are not copied into one write with the headers. */
const MAX_GATHERED_BYTES = 16 * 1024;

/**
 * Writes an upstream's answer to the client, with back-pressure. Most bodies come whole within the tick of their headers:
 * both are held until its end, so that they leave in one write. A body that comes later does not keep its headers waiting.
 */
export class AnswerWriter {
  readonly #res: ServerResponse;
  readonly #limits: TimeLimits;
  #isGathering = false;
  #gathered: Buffer | undefined;

  constructor(res: ServerResponse, limits: TimeLimits) {
    this.#res = res;
    this.#limits = limits;
  }

  /** @param headers names and values in turn */
  begin(controller: Dispatcher.DispatchController, status: number, headers: string[]): void {
    this.#res.writeHead(status, headers);
    this.#isGathering = true;
    process.nextTick(endGathering, this, controller);
  }

  write(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isGathering && this.#gathered === undefined && chunk.length <= MAX_GATHERED_BYTES) {
      this.#gathered = chunk;
      return;
    }
    this.endGathering(controller);
    this.#write(controller, chunk);
  }

  /** @param trailers fields that follow the body, which must have been announced */
  end(trailers?: [string, string][]): void {
    if (trailers) this.#res.addTrailers(trailers);
    const gathered = this.#gathered;
    this.#isGathering = false;
    this.#gathered = undefined;
    // as text, since Node writes text together with the headers and a buffer apart from them
    if (gathered === undefined) this.#res.end();
    else this.#res.end(gathered.toString('latin1'), 'latin1');
  }

  /** What is held is not written any more: the answer failed. */
  abandon(): void {
    this.#isGathering = false;
    this.#gathered = undefined;
  }

  /** The answer's end did not come with its beginning: what there is goes out now. */
  endGathering(controller: Dispatcher.DispatchController): void {
    if (!this.#isGathering) return;
    this.#isGathering = false;
    const gathered = this.#gathered;
    this.#gathered = undefined;
    if (this.#res.destroyed) return;
    if (gathered === undefined) this.#res.flushHeaders();
    else this.#write(controller, gathered);
  }

  #write(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#res.write(chunk)) return;
    controller.pause();
    this.#res.once('drain', () => {
      // a client that reads slowly is no upstream that sends slowly
      this.#limits.extendIdle();
      controller.resume();
    });
  }
}

function endGathering(writer: AnswerWriter, controller: Dispatcher.DispatchController): void {
  writer.endGathering(controller);
}
