import { databaseCheckStatusSchema, databaseCheckIdSchema } from '@clearway/contracts';
import type { Response } from 'express';
import { z } from 'zod';
import { jsonAnswer, problemAnswer } from '../../operations/documentation.ts';
import type { Operation } from '../../operations/operation.ts';
import { sendProblem } from '../../operations/problems.ts';
import { listOf } from './database-operations.ts';
import type { DatabaseMonitoring } from './monitoring.ts';

const answerSchema = z
  .object({
    status: z.enum(['done', 'under_way']),
    startedAt: z.iso.datetime(),
    durationMs: z.number().exactOptional(),
    databases: z
      .array(
        z
          .object({
            id: z.string(),
            status: z.enum(['ok', 'warning', 'critical', 'unknown']),
            problems: z
              .array(
                z
                  .object({ check: databaseCheckIdSchema, status: databaseCheckStatusSchema, message: z.string() })
                  .readonly(),
              )
              .readonly(),
          })
          .readonly(),
      )
      .readonly()
      .exactOptional(),
  })
  .readonly()
  .meta({ id: 'MonitorPass' });

/** Schedulers give up on requests that take longer. */
const WAIT_MS = 20_000;

/** `/api/cron/monitor`: a quick and a full pass over every database, for schedulers from outside. */
export function cronOperations(monitoring: DatabaseMonitoring): Operation[] {
  let running: { readonly startedAt: string; readonly done: Promise<void> } | undefined;
  const passAll = async (): Promise<void> => {
    const watches = [...monitoring.watches.values()];
    await Promise.all(watches.map((watch) => monitoring.passOnDemand(watch)));
  };
  const handle = async (_req: unknown, res: Response): Promise<void> => {
    if (running) {
      return sendProblem(res, 'request_invalid', {
        status: 409,
        title: 'A pass is under way',
        detail: `It began at ${running.startedAt}.`,
        remedy: 'GET /api/database tells what it finds.',
      });
    }
    const startMs = performance.now();
    const startedAt = new Date().toISOString();
    running = { startedAt, done: passAll().finally(() => (running = undefined)) };
    // the answer may be given before: then nobody waits for it
    running.done.catch(() => undefined);
    const isDone = await settled(running.done, WAIT_MS);
    if (!isDone) return void res.status(202).json({ status: 'under_way', startedAt });
    const durationMs = Math.round(performance.now() - startMs);
    res.json({ status: 'done', startedAt, durationMs, databases: await outcome(monitoring) });
  };
  const documentation = {
    summary: 'Passes over all databases now',
    description: 'One at a time. Waits up to 20 seconds for the outcome.',
    tags: ['databases'],
    responses: {
      '200': jsonAnswer('Done, with what is not well.', answerSchema),
      '202': jsonAnswer('Under way: GET /api/database tells what it finds.', answerSchema),
      '401': problemAnswer('No secret, or another one.'),
      '403': problemAnswer('There is no CRON_SECRET.'),
      '409': problemAnswer('One is under way already.'),
    },
  };
  return (['get', 'post'] as const).map((method) => ({
    method,
    path: '/api/cron/monitor',
    access: 'scheduler',
    recorded: true,
    documentation,
    handle,
  }));
}

async function settled(work: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([work.then(() => true), limit]);
  } finally {
    clearTimeout(timer);
  }
}

async function outcome(monitoring: DatabaseMonitoring) {
  const { databases } = await listOf(monitoring);
  return databases.map(({ id, status, checks }) => ({
    id,
    status,
    problems: checks
      .filter((check) => check.status !== 'ok' && check.status !== 'not_watched')
      .map(({ id: check, status: found, message }) => ({ check, status: found, message })),
  }));
}
