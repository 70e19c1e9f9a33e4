import {
  integrityKindSchema,
  integrityListSchema,
  integrityReportSchema,
  integrityStatusSchema,
  type IntegrityCheck,
  type IntegrityList,
} from '@clearway/contracts';
import type { IntegrityMonitor } from '@clearway/database';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { actorOf, roleOf } from '../operations/access.ts';
import { jsonAnswer, problemAnswer, REFUSALS } from '../operations/documentation.ts';
import type { Operation } from '../operations/operation.ts';
import { sendProblem } from '../operations/problems.ts';
import { validated } from '../operations/validated.ts';
import type { Integrity } from './integrity.ts';

/** Writes down who changed what and why. */
export type WriteAudit = (
  change: { readonly actor: string; readonly reason: string },
  action: string,
  subject: string,
  details?: Readonly<Record<string, unknown>>,
) => Promise<void>;

const MAX_LISTED = 500;
const HISTORY = 200;
const BODY_LIMIT_BYTES = 64 * 1024;
const tags = ['databases'];

const listQuery = z.strictObject({
  database: z.string().min(1).optional(),
  status: integrityStatusSchema.optional(),
  kind: integrityKindSchema.optional(),
});
const ofDatabase = z.object({ database: z.string() });
const ofCheck = z.object({ database: z.string(), check: z.string() });
const runBody = z.strictObject({
  reason: z.string().trim().min(1).max(500).meta({ description: 'Why, for the audit.' }),
  checks: z
    .array(z.string().min(1).max(300))
    .min(1)
    .max(1000)
    .optional()
    .meta({ description: 'All of them when left out.' }),
});
const requestedSchema = z.object({ requested: z.array(z.string()) }).meta({ id: 'IntegrityRequested' });

/**
 * What is asked of integrity checks, and having them run. Asking asks no database.
 *
 * @param current the checks in force: a reload replaces them
 */
export function integrityOperations(current: () => Integrity, writeAudit: WriteAudit): Operation[] {
  const read = { method: 'get', access: 'viewer', recorded: true } as const;
  return [
    {
      ...read,
      path: '/api/database/integrity',
      documentation: {
        summary: 'Integrity checks of all databases, violated ones first',
        description: 'Keys of offending rows and the texts of errors are shown to operators only.',
        tags,
        requestParams: { query: listQuery },
        responses: {
          '200': jsonAnswer('The checks.', integrityListSchema),
          '404': problemAnswer('No such database.'),
          ...REFUSALS,
        },
      },
      handle: (req, res) => list(current(), req, res),
    },
    {
      ...read,
      path: '/api/database/integrity/{database}/{check}',
      documentation: {
        summary: 'One integrity check with its history',
        tags,
        requestParams: { path: ofCheck },
        responses: {
          '200': jsonAnswer('The check.', integrityReportSchema),
          '404': problemAnswer('No such check.'),
          ...REFUSALS,
        },
      },
      handle: (req, res) => show(current(), req, res),
    },
    {
      method: 'post',
      access: 'operator',
      recorded: true,
      bodyLimitBytes: BODY_LIMIT_BYTES,
      path: '/api/database/integrity/{database}/run',
      documentation: {
        summary: 'Have integrity checks run in the next pass, whatever their schedule says',
        tags,
        requestParams: { path: ofDatabase },
        requestBody: { content: { 'application/json': { schema: runBody } } },
        responses: {
          '202': jsonAnswer('Those that will run.', requestedSchema),
          '400': problemAnswer('The body cannot be used.'),
          '404': problemAnswer('No such database, or no such check.'),
          '503': problemAnswer('The audit cannot be written: the database of Clearway is down.'),
          ...REFUSALS,
        },
      },
      handle: (req, res) => run(current(), writeAudit, req, res),
    },
  ];
}

function list(integrity: Integrity, req: Request, res: Response): void {
  const query = validated(listQuery, req.query, res);
  if (!query) return;
  const { database, status, kind } = query;
  const monitors = integrity.monitors.filter((monitor) => database === undefined || monitor.database === database);
  if (database !== undefined && monitors.length === 0) return unknownDatabase(res, integrity);
  const all = monitors.flatMap((monitor) => monitor.list());
  const found = all.filter(
    (check) => (status === undefined || check.status === status) && (kind === undefined || check.kind === kind),
  );
  const checks = found.toSorted((a, b) => rank(a) - rank(b) || b.violations - a.violations).slice(0, MAX_LISTED);
  const body: IntegrityList = {
    databases: monitors.map((monitor) => summary(monitor, res)),
    checks: checks.map((check) => shown(check, res)),
    total: found.length,
  };
  res.json(body);
}

const RANK: Readonly<Record<IntegrityCheck['status'], number>> = {
  violated: 0,
  failed: 1,
  skipped: 2,
  pending: 3,
  ok: 4,
};
/** What a person should see first; declared checks before the many foreign keys. */
const rank = ({ status, kind }: IntegrityCheck): number => RANK[status] * 2 + (kind === 'foreign-key' ? 1 : 0);

function summary(monitor: IntegrityMonitor, res: Response): IntegrityList['databases'][number] {
  const checks = monitor.list();
  const { at = null, outcome } = monitor.lastPass ?? {};
  const problem = outcome?.problem ?? null;
  return {
    database: monitor.database,
    checks: checks.length,
    violated: checks.filter(({ status }) => status === 'violated').length,
    unknown: checks.filter(({ status }) => ['pending', 'skipped', 'failed'].includes(status)).length,
    violations: checks.reduce((sum, { violations }) => sum + violations, 0),
    lastPassAt: at,
    problem: problem !== null && roleOf(res) !== 'operator' ? 'the last pass failed' : problem,
  };
}

/** Viewers are shown no keys, and no texts of errors, which may hold values. */
function shown(check: IntegrityCheck, res: Response): IntegrityCheck {
  if (roleOf(res) === 'operator') return check;
  return { ...check, sample: [], reason: check.reason === null ? null : 'an operator is shown the reason' };
}

async function show(integrity: Integrity, req: Request, res: Response): Promise<void> {
  const path = validated(ofCheck, req.params, res);
  if (!path) return;
  const monitor = integrity.monitor(path.database);
  const check = monitor?.find(path.check);
  if (!monitor) return unknownDatabase(res, integrity);
  if (!check) return unknownCheck(res, path.check);
  // without its own database there is no history, and the check is told all the same
  const history = await monitor.history(path.check, HISTORY).catch(() => []);
  res.json({ check: shown(check, res), history });
}

async function run(integrity: Integrity, writeAudit: WriteAudit, req: Request, res: Response): Promise<void> {
  const path = validated(ofDatabase, req.params, res);
  const body = path && validated(runBody, req.body, res);
  if (!path || !body) return;
  const monitor = integrity.monitor(path.database);
  if (!monitor) return unknownDatabase(res, integrity);
  const missing = (body.checks ?? []).find((id) => !monitor.find(id));
  if (missing !== undefined) return unknownCheck(res, missing);
  const change = { actor: actorOf(req, res), reason: body.reason };
  try {
    await writeAudit(change, 'integrity.run', `integrity:${path.database}`, { checks: body.checks ?? 'all' });
  } catch {
    return sendProblem(res, 'internal', {
      status: 503,
      title: 'The audit cannot be written',
      remedy: 'Start the database of Clearway.',
    });
  }
  const requested = await monitor.request(body.checks);
  integrity.wake(path.database);
  res.status(202).json({ requested });
}

function unknownDatabase(res: Response, { monitors }: Integrity): void {
  const known = monitors.map(({ database }) => database).join(', ') || 'none';
  sendProblem(res, 'route_not_found', {
    title: 'There is no such database',
    detail: `There are: ${known}.`,
    remedy: 'Look at databases in clearway.yaml.',
  });
}

function unknownCheck(res: Response, check: string): void {
  const remedy = 'GET /api/database/integrity lists them.';
  sendProblem(res, 'route_not_found', { title: 'There is no such check', detail: check.slice(0, 300), remedy });
}
