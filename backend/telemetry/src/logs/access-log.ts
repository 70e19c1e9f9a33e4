import type { RecordSink } from '../record/recorder.ts';
import { ACCESS_MESSAGE as message, accessLevelOf, accessLine, accessLineRenderer } from './access-line.ts';
import { TRUSTED } from './format.ts';
import type { Logs } from './logger.ts';

/** What the line says beside the fields that every one has. */
export interface AccessLogOptions {
  /** How far a failed request came on its way through a gateway. Default true. */
  readonly phase?: boolean | undefined;
}

/**
 * The sink that writes one line a request. The query is left out altogether; `cause` is for operators.
 *
 * @example
 * const recorder = createRecorder([{ name: 'log', accept: accessLog(logs) }], onSinkError);
 */
export function accessLog({ logger, jsonLines }: Logs, { phase = true }: AccessLogOptions = {}): RecordSink {
  const render = jsonLines && accessLineRenderer(jsonLines.service, phase);
  return (record) => {
    const level = accessLevelOf(record);
    if (render && jsonLines.takes(level)) jsonLines.write(render(record, level));
    else if (logger.isLevelEnabled(level)) {
      logger.log({ level, message, [TRUSTED]: accessLine(record, level, phase) });
    }
  };
}
