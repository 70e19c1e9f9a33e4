import type { z } from 'zod';
import { problemsOf } from '../definition/problems-of.ts';

/** What is wrong with one part of an input. */
export interface InputProblem {
  /** Such as `tracks.0.id`; empty for the input as a whole. */
  readonly path: string;
  readonly message: string;
}

/** The input does not fit the job. Nothing was enqueued. */
export class InputRefused extends Error {
  override readonly name = 'InputRefused';
  readonly jobId: string;
  readonly problems: readonly InputProblem[];

  constructor(jobId: string, problems: string | z.ZodError) {
    super(`input of job "${jobId}" refused: ${typeof problems === 'string' ? problems : problemsOf(problems)}`);
    this.jobId = jobId;
    this.problems = typeof problems === 'string' ? [{ path: '', message: problems }] : listOf(problems);
  }
}

function listOf(error: z.ZodError): InputProblem[] {
  return error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
}
