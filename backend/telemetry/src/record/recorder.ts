import type { RequestRecord } from './request-record.ts';

/** Receives each finished record. Must not keep the record from the others: what it throws is counted and dropped. */
export type RecordSink = (record: RequestRecord) => void;

/** A named sink. */
export interface NamedSink {
  readonly name: string;
  readonly accept: RecordSink;
}

/** The one way from a finished record to the signals. */
export interface Recorder {
  /** Closes the record and gives it to every sink; does nothing for a record that was closed before. */
  emit(record: RequestRecord): void;
}

/**
 * Makes the recorder.
 *
 * @param sinks span, metrics, log, errors, recent records: in the order in which they are served
 * @param onSinkError called with what a sink threw
 * @example
 * const recorder = createRecorder([{ name: 'log', accept: accessLog(logs) }], (sink) => failures.inc({ sink }));
 */
export function createRecorder(
  sinks: readonly NamedSink[],
  onSinkError: (sink: string, error: unknown) => void,
): Recorder {
  return {
    emit(record) {
      if (!record.end()) return;
      for (const sink of sinks) {
        try {
          sink.accept(record);
        } catch (error) {
          onSinkError(sink.name, error);
        }
      }
    },
  };
}
