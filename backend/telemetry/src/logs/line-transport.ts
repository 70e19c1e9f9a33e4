import { MESSAGE } from 'triple-beam';
import Transport from 'winston-transport';
import { TRUSTED, type LogInfo } from './format.ts';
import type { LineWriter } from './line-writer.ts';
import type { OtlpLogs } from './otlp-logs.ts';

/** Winston's way out: always ready for the next line, so that no logger ever waits. */
export class LineTransport extends Transport {
  readonly #writer: LineWriter;
  readonly #otlp: OtlpLogs | undefined;

  constructor(writer: LineWriter, otlp: OtlpLogs | undefined) {
    super();
    this.#writer = writer;
    this.#otlp = otlp;
  }

  override log(info: LogInfo, next: () => void): void {
    this.#writer.write(String(info[MESSAGE]));
    // access lines stay here: the SERVER span says the same
    if (info[TRUSTED] === undefined) this.#otlp?.emit(info);
    next();
  }
}
