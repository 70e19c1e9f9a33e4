import { invalidParametersProblemSchema } from '@clearway/contracts';
import type { Jobs } from '@clearway/jobs';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { jsonAnswer, problemAnswer, REFUSALS } from '../operations/documentation.ts';
import type { Operation } from '../operations/operation.ts';
import { validated } from '../operations/validated.ts';
import { answer } from './answer.ts';
import type { JobsPort } from './jobs-port.ts';

const nothing = z.strictObject({});

/** One operation, put shortly: what it takes, what it answers and what it does. */
export interface JobOperation<Path extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType> {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly access: Operation['access'];
  /** The part of the document that it stands in; `jobs` when left out. */
  readonly tag?: string;
  readonly summary: string;
  readonly description?: string;
  readonly pathSchema?: Path;
  readonly querySchema?: Query;
  readonly bodySchema?: Body;
  readonly bodyLimitBytes?: number;
  readonly answers: z.ZodType;
  readonly status?: number;
  /** Undefined when there is no such thing. */
  readonly work: (
    jobs: Jobs,
    given: { path: z.output<Path>; query: z.output<Query>; body: z.output<Body>; req: Request; res: Response },
  ) => Promise<object | undefined>;
}

/** An operation on jobs: checks what it is given, and answers 503 until the jobs have started. */
export function operation<Path extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType>(
  port: JobsPort,
  sketch: JobOperation<Path, Query, Body>,
): Operation {
  const { method, path, access, bodyLimitBytes, work } = sketch;
  return {
    method,
    path,
    access,
    recorded: true,
    ...(bodyLimitBytes !== undefined && { bodyLimitBytes }),
    documentation: documentationOf(sketch),
    handle: (req, res) => {
      const pathOf = validated(sketch.pathSchema ?? z.unknown(), req.params, res);
      const query = pathOf && validated(sketch.querySchema ?? nothing, req.query, res);
      const body = query && (sketch.bodySchema ? validated(sketch.bodySchema, req.body, res) : {});
      if (!pathOf || !query || !body) return;
      const given = { path: pathOf, query, body, req, res } as Parameters<typeof work>[1];
      return answer(port, res, (jobs) => work(jobs, given), sketch.status);
    },
  };
}

function documentationOf<Path extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType>(
  sketch: JobOperation<Path, Query, Body>,
): ZodOpenApiOperationObject {
  const { summary, description, pathSchema, querySchema, bodySchema, answers, status = 200, tag = 'jobs' } = sketch;
  return {
    summary,
    ...(description !== undefined && { description }),
    tags: [tag],
    requestParams: {
      ...(pathSchema && { path: pathSchema as never }),
      ...(querySchema && { query: querySchema as never }),
    },
    ...(bodySchema && { requestBody: { content: { 'application/json': { schema: bodySchema } } } }),
    responses: {
      [status]: jsonAnswer('Done.', answers),
      '400': problemAnswer('A parameter or the body cannot be used.', invalidParametersProblemSchema),
      ...(pathSchema && { '404': problemAnswer('There is no such thing.') }),
      ...(bodySchema && { '409': problemAnswer('Not possible now.') }),
      '503': problemAnswer('The database has not answered since the worker started.'),
      ...REFUSALS,
    },
  };
}
