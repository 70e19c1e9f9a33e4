import type { InvalidParameter } from '@clearway/contracts';
import { InputRefused, InvalidCursor, NotPossible, ReportRefused, type InputProblem, type Jobs } from '@clearway/jobs';
import type { Response } from 'express';
import { OperatorsOnly } from '../operations/operators-only.ts';
import { sendProblem } from '../operations/problems.ts';
import { refuseParameters } from '../operations/validated.ts';
import { jobsOrProblem, type JobsPort } from './jobs-port.ts';

/**
 * Answers with what `work` returns as JSON; what the jobs refuse becomes a problem document that says why.
 *
 * @param status of the answer
 */
export async function answer(
  port: JobsPort,
  res: Response,
  work: (jobs: Jobs) => Promise<object | undefined>,
  status = 200,
): Promise<void> {
  const jobs = jobsOrProblem(port, res);
  if (!jobs) return;
  try {
    const body = await work(jobs);
    if (body === undefined) return sendProblem(res, 'route_not_found', { title: 'There is no such thing' });
    res.status(status).json(body);
  } catch (error) {
    refuse(res, error);
  }
}

function refuse(res: Response, error: unknown): void {
  if (error instanceof InvalidCursor) return refuseParameters(res, [{ name: 'cursor', message: error.message }]);
  if (error instanceof InputRefused) return refuseParameters(res, error.problems.map(nameInput));
  if (error instanceof OperatorsOnly) return sendProblem(res, 'auth_forbidden', { detail: error.message });
  if (error instanceof NotPossible && error.kind === 'unknown') {
    return sendProblem(res, 'route_not_found', {
      title: 'There is no such job',
      detail: error.message,
      remedy: 'GET /api/jobs lists them.',
    });
  }
  if (error instanceof NotPossible || error instanceof ReportRefused) {
    return sendProblem(res, 'request_invalid', { status: 409, title: 'Not possible now', detail: error.message });
  }
  if (NOT_STORABLE.includes((error as { code?: string }).code ?? '')) {
    return sendProblem(res, 'request_invalid', {
      detail: 'A text has a character that the database cannot hold: U+0000.',
    });
  }
  throw error;
}

/** What PostgreSQL says of the character 0, in JSON and in a text. */
const NOT_STORABLE = ['22P05', '22021'];

/** A part of the input as a parameter of the body: `input.trackId`. */
function nameInput({ path, message }: InputProblem): InvalidParameter {
  return { name: path === '' ? 'input' : `input.${path}`, message };
}
