import { storableJson } from '../runs/storable.ts';
import { RunLogLines } from './run-log.ts';

/** Why a run is stopped. */
export type StopKind = 'timeout' | 'cancelled' | 'shutdown' | 'superseded';

const MESSAGES: Readonly<Record<StopKind, string>> = {
  timeout: 'The run reached its time limit.',
  cancelled: 'The run was cancelled.',
  shutdown: 'The worker is ending; the event goes back into the queue.',
  superseded: 'Another run has taken the place of this one.',
};

/** The reason of a run's abort signal. */
export class RunStopped extends Error {
  override readonly name = 'RunStopped';
  readonly kind: StopKind;

  constructor(kind: StopKind) {
    super(MESSAGES[kind]);
    this.kind = kind;
  }
}

/** How far a run is. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly note?: string;
  readonly at: string;
}

/** A run that is going on in this process. */
export class ActiveRun {
  readonly jobId: string;
  readonly eventId: string;
  readonly runId = crypto.randomUUID();
  readonly lines = new RunLogLines();
  readonly #abort = new AbortController();
  #progress: Progress | undefined;
  #isProgressNew = false;

  constructor(jobId: string, eventId: string) {
    this.jobId = jobId;
    this.eventId = eventId;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Why the run was stopped, if it was. */
  get stopped(): StopKind | undefined {
    return this.#abort.signal.aborted ? (this.#abort.signal.reason as RunStopped).kind : undefined;
  }

  /** Aborts the run's signal; the first reason counts. */
  stop(kind: StopKind): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(new RunStopped(kind));
  }

  setProgress(done: number, total: number, note: string | undefined): void {
    this.#progress = {
      done,
      total,
      ...(note !== undefined && { note: note.slice(0, 500) }),
      at: new Date().toISOString(),
    };
    this.#isProgressNew = true;
  }

  /** The progress as JSON text, or null when there is none. */
  progressJson(): string | null {
    this.#isProgressNew = false;
    return this.#progress ? (storableJson(this.#progress) ?? null) : null;
  }

  /** As `progressJson`, or null when it was asked for since the last change. */
  changedProgressJson(): string | null {
    return this.#isProgressNew ? this.progressJson() : null;
  }
}
