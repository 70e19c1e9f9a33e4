import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { deadLetterExportQuerySchema, invalidParametersProblemSchema } from '@clearway/contracts';
import { audit, exportDeadLetters, type DeadLetterFilter, type Jobs } from '@clearway/jobs';
import type { Request, Response } from 'express';
import { jobsOrProblem, type JobsPort } from '../jobs/jobs-port.ts';
import { actorOf } from '../operations/access.ts';
import { problemAnswer, REFUSALS, textAnswer } from '../operations/documentation.ts';
import type { Operation } from '../operations/operation.ts';
import { validated } from '../operations/validated.ts';

const CHUNK_CHARACTERS = 64 * 1024;

/** `/api/dead-letters/export`: whole letters, one a line, however many there are. */
export function exportOperation(port: JobsPort): Operation {
  return {
    method: 'get',
    path: '/api/dead-letters/export',
    access: 'operator',
    recorded: true,
    documentation: {
      summary: 'Dead letters whole, one JSON document a line, newest first',
      description:
        'Sent as they are read: an answer that breaks off is not complete. Each export is kept in the audit.',
      tags: ['dead-letters'],
      requestParams: { query: deadLetterExportQuerySchema },
      responses: {
        '200': textAnswer('A line for each letter: an ExportedDeadLetter.', 'application/x-ndjson'),
        '400': problemAnswer('A parameter cannot be used.', invalidParametersProblemSchema),
        '503': problemAnswer('The database has not answered since the worker started.'),
        ...REFUSALS,
      },
    },
    handle: async (req, res) => {
      const filter = validated(deadLetterExportQuerySchema, req.query, res);
      const jobs = filter && jobsOrProblem(port, res);
      if (jobs) await sendExport(jobs, filter, req, res);
    },
  };
}

async function sendExport({ connections }: Jobs, filter: DeadLetterFilter, req: Request, res: Response): Promise<void> {
  await audit(connections, { actor: actorOf(req, res), reason: 'export' }, 'dead-letter.export', 'dead-letters', {
    filter,
  });
  res.set({
    'content-type': 'application/x-ndjson',
    'content-disposition': 'attachment; filename="dead-letters.ndjson"',
  });
  try {
    await pipeline(Readable.from(chunks(exportDeadLetters(connections, filter)), { objectMode: false }), res);
  } catch (error) {
    // who went away needs no answer
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

/** Lines, some at a time: a write for each would take longer than reading it. */
async function* chunks(letters: AsyncIterable<unknown>): AsyncGenerator<string> {
  let text = '';
  for await (const letter of letters) {
    text += `${JSON.stringify(letter)}\n`;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}
