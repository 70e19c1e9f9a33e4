/** A connection inside a transaction: what is queried is committed with the success of the run, or not at all. */
export interface EffectTransaction {
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<{ readonly rows: Row[] }>;
}

/** Work to commit together with the success of a run. */
export type Effect = (transaction: EffectTransaction) => Promise<unknown>;

/** Writes lines that are kept with the run and go to the process's own log too. */
export interface RunLog {
  readonly debug: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly info: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly warn: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly error: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
}

/** What a run is given beside its input. */
export interface JobContext {
  readonly jobId: string;
  readonly runId: string;
  /** The event that is worked on; the same for all its attempts. */
  readonly eventId: string;
  /** 1 for the first try. */
  readonly attempt: number;
  /** The idempotency key: send it along to others, so that they too do the work once. */
  readonly key: string | undefined;
  /** When the schedule was due, for a run of the schedule. */
  readonly dueAt: Date | undefined;
  /** Aborts at the time limit, when the run is cancelled, and when the process has to end. */
  readonly signal: AbortSignal;
  readonly log: RunLog;
  /** Tells how far the run is: shown while it goes on. */
  readonly progress: (done: number, total: number, note?: string) => void;
  /** How much was processed: durations are compared per item then, and 0 is noticed. */
  readonly itemsProcessed: (count: number) => void;
  /**
   * Work in the jobs' own database that is committed together with the success of the run: it happens exactly once for an
   * event, and once for a key. Called after `run` has returned, perhaps again when the connection broke.
   */
  readonly effect: (work: Effect) => void;
}

/** Thrown by a job whose event cannot succeed however often it is tried: it goes to the dead letters at once. */
export class PermanentFailure extends Error {
  override readonly name = 'PermanentFailure';
}
