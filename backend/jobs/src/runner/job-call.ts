import { setTimeout as sleep } from 'node:timers/promises';
import { context, type Context } from '@opentelemetry/api';
import type { AnyJob } from '../definition/define-job.ts';
import type { Effect, JobContext } from '../definition/job-context.ts';
import type { EventData } from '../queue/event.ts';
import type { RunEnd } from '../runs/run-records.ts';
import { storableJson } from '../runs/storable.ts';
import type { ActiveRun, StopKind } from './active-run.ts';
import { runLog, type LineTarget } from './run-log.ts';
import { failure, type Outcome } from './settle.ts';

/** How long a run that was stopped may take to notice. */
const STOP_GRACE_MS = 5000;
const LONGEST_OUTPUT_BYTES = 256 * 1024;

/** What a call is made of beside the job and its input. */
export interface CallFacts {
  readonly run: ActiveRun;
  readonly data: EventData;
  readonly attempt: number;
  /** The context of the run's span. */
  readonly inSpan: Context;
  readonly log: LineTarget;
}

/** One call of a job's `run`, with its time limit. */
export class JobCall {
  readonly #job: AnyJob;
  readonly #run: ActiveRun;
  readonly #log: LineTarget;
  readonly #context: JobContext;
  readonly #inSpan: Context;
  readonly #effects: Effect[] = [];
  #itemsProcessed: number | undefined;

  constructor(job: AnyJob, { run, data, attempt, inSpan, log }: CallFacts) {
    this.#job = job;
    this.#run = run;
    this.#log = log;
    this.#inSpan = inSpan;
    this.#context = {
      jobId: run.jobId,
      runId: run.runId,
      eventId: run.eventId,
      attempt,
      key: data.key,
      dueAt: data.dueAt === undefined ? undefined : new Date(data.dueAt),
      signal: run.signal,
      log: runLog(run.lines, log, { job: run.jobId, run: run.runId }),
      progress: (done, total, note) => run.setProgress(done, total, note),
      itemsProcessed: (count) => void (this.#itemsProcessed = Math.max(0, Math.trunc(count))),
      effect: (work) => void this.#effects.push((sql) => context.with(inSpan, () => work(sql))),
    };
  }

  async outcome(input: unknown): Promise<Outcome> {
    const startMs = performance.now();
    const timer = setTimeout(() => this.#run.stop('timeout'), this.#job.settings.timeoutMs);
    const running = context.with(this.#inSpan, async () => await this.#job.run(input as never, this.#context));
    try {
      const output = await Promise.race([running, this.#givenUp(running)]);
      return this.#returned(output, performance.now() - startMs);
    } catch (error) {
      return this.#threw(error, performance.now() - startMs);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Rejects when the run was stopped and has not ended within the grace time. */
  #givenUp(running: Promise<unknown>): Promise<never> {
    const { signal } = this.#run;
    return new Promise((_resolve, reject) => {
      const onAbort = async (): Promise<void> => {
        const hasEnded = await Promise.race([
          running.then(
            () => true,
            () => true,
          ),
          sleep(STOP_GRACE_MS, false, { ref: false }),
        ]);
        if (hasEnded) return;
        this.#log.warn('a job does not heed its abort signal: its work may still be going on', {
          job: this.#run.jobId,
          run: this.#run.runId,
        });
        reject(signal.reason as Error);
      };
      if (signal.aborted) void onAbort();
      else signal.addEventListener('abort', () => void onAbort(), { once: true });
    });
  }

  #returned(output: unknown, durationMs: number): Outcome {
    const stopped = this.#run.stopped;
    if (stopped !== undefined && stopped !== 'shutdown') return this.#threw(this.#run.signal.reason, durationMs);
    const itemsProcessed = this.#itemsProcessed;
    return { end: 'SUCCEEDED', durationMs, itemsProcessed, output: boundedJson(output), effects: this.#effects };
  }

  #threw(error: unknown, durationMs: number): Outcome {
    const stopped = this.#run.stopped;
    const end = stopped === undefined ? 'FAILED' : END_OF_STOP[stopped];
    // whatever the job made of its signal, the reason is what a person wants to read
    return { ...failure(stopped === undefined ? error : this.#run.signal.reason, durationMs, end) };
  }
}

const END_OF_STOP: Readonly<Record<StopKind, RunEnd>> = {
  timeout: 'TIMED_OUT',
  cancelled: 'CANCELLED',
  shutdown: 'CANCELLED',
  superseded: 'LOST',
};

/** What a job returned, as JSON text; null when it is nothing, no JSON, or too long to keep. */
function boundedJson(output: unknown): string | null {
  try {
    const text = storableJson(output);
    return text !== undefined && Buffer.byteLength(text) <= LONGEST_OUTPUT_BYTES ? text : null;
  } catch {
    return null;
  }
}
