import {
  dataMigrationListSchema,
  dataMigrationReportSchema,
  dataMigrationViewSchema,
  migrationPhaseSchema,
  type DataMigrationView,
} from '@clearway/contracts';
import type { MigrationWatch } from '@clearway/database';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { WriteAudit } from '../integrity/integrity-operations.ts';
import { actorOf, roleOf } from '../operations/access.ts';
import { jsonAnswer, problemAnswer, REFUSALS } from '../operations/documentation.ts';
import type { Operation } from '../operations/operation.ts';
import { sendProblem } from '../operations/problems.ts';
import { validated } from '../operations/validated.ts';
import type { DataMigrations } from './data-migrations.ts';

const SAMPLES = 500;
const BODY_LIMIT_BYTES = 16 * 1024;
const tags = ['databases'];

const ofMigration = z.object({ migration: z.string() });
const reason = z.string().trim().min(1).max(500).meta({ description: 'Why, for the audit.' });
const phaseBody = z.strictObject({ phase: migrationPhaseSchema, reason });

/**
 * What is asked of data migrations, and setting the phase of one. Only `sample` asks a database.
 *
 * @param current the migrations in force: a reload replaces them
 */
export function migrationOperations(current: () => DataMigrations, writeAudit: WriteAudit): Operation[] {
  const read = { method: 'get', access: 'viewer', recorded: true } as const;
  const change = { method: 'post', access: 'operator', recorded: true } as const;
  const path = '/api/database/migrations/{migration}';
  const unknown = { '404': problemAnswer('No such data migration.') };
  const requestParams = { path: ofMigration };
  return [
    {
      ...read,
      path: '/api/database/migrations',
      documentation: {
        summary: 'Data migrations: progress, rate, time left, and how things compare with before',
        tags,
        responses: { '200': jsonAnswer('All that are declared.', dataMigrationListSchema), ...REFUSALS },
      },
      handle: (_req, res) => void res.json({ migrations: current().watches.map((watch) => shown(watch, res)) }),
    },
    {
      ...read,
      path,
      documentation: {
        summary: 'One data migration with its samples, newest first',
        tags,
        requestParams,
        responses: { '200': jsonAnswer('The migration.', dataMigrationReportSchema), ...unknown, ...REFUSALS },
      },
      handle: (req, res) => {
        const watch = find(current(), req, res);
        if (watch) res.json({ migration: shown(watch, res), samples: watch.samples(SAMPLES) });
      },
    },
    {
      ...change,
      path: `${path}/sample`,
      documentation: {
        summary: 'Take a sample of a data migration now',
        tags,
        requestParams,
        responses: { '200': jsonAnswer('The migration.', dataMigrationViewSchema), ...unknown, ...REFUSALS },
      },
      handle: async (req, res) => {
        const watch = find(current(), req, res);
        if (!watch) return;
        await current().sample(watch);
        res.json(shown(watch, res));
      },
    },
    {
      ...change,
      path: `${path}/phase`,
      bodyLimitBytes: BODY_LIMIT_BYTES,
      documentation: {
        summary: 'Set the phase of a data migration by hand; baseline takes a new one',
        tags,
        requestParams,
        requestBody: { content: { 'application/json': { schema: phaseBody } } },
        responses: {
          '200': jsonAnswer('The migration.', dataMigrationViewSchema),
          '400': problemAnswer('The body cannot be used.'),
          '503': problemAnswer('It cannot be kept: the database of Clearway is down.'),
          ...unknown,
          ...REFUSALS,
        },
      },
      handle: (req, res) => setPhase(current(), writeAudit, req, res),
    },
  ];
}

function find(migrations: DataMigrations, req: Request, res: Response): MigrationWatch | undefined {
  const path = validated(ofMigration, req.params, res);
  if (!path) return undefined;
  const watch = migrations.watch(path.migration);
  if (!watch) {
    const remedy = 'GET /api/database/migrations lists them.';
    sendProblem(res, 'route_not_found', { title: 'There is no such data migration', remedy });
  }
  return watch;
}

async function setPhase(
  migrations: DataMigrations,
  writeAudit: WriteAudit,
  req: Request,
  res: Response,
): Promise<void> {
  const watch = find(migrations, req, res);
  const body = watch && validated(phaseBody, req.body, res);
  if (!watch || !body) return;
  const { phase } = body;
  const change = { actor: actorOf(req, res), reason: body.reason };
  try {
    await writeAudit(change, 'migration.phase', `migration:${watch.settings.name}`, { phase });
    await watch.setPhase(phase);
  } catch {
    const remedy = 'Start the database of Clearway.';
    return sendProblem(res, 'internal', { status: 503, title: 'The phase cannot be kept', remedy });
  }
  res.json(shown(watch, res));
}

/** Viewers are shown no texts of errors, which may hold values. */
function shown(watch: MigrationWatch, res: Response): DataMigrationView {
  const view = watch.view();
  if (view.problem === null || roleOf(res) === 'operator') return view;
  return { ...view, problem: 'an operator is shown the reason' };
}
