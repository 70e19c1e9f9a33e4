import { healthDocumentSchema } from '@clearway/contracts';
import { healthDocument, type HealthRegistry } from '@clearway/kernel';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { roleOf } from './access.ts';
import { jsonAnswer, problemAnswer, REFUSALS } from './documentation.ts';
import type { Operation } from './operation.ts';
import { sendProblem } from './problems.ts';
import type { Readiness } from './readiness.ts';

/** What the health operations answer from. */
export interface HealthSources {
  readonly health: HealthRegistry;
  readonly readiness: Readiness;
  readonly environment: string;
  readonly version: string;
}

const stateSchema = z
  .object({
    status: z.enum(['starting', 'ready', 'draining']),
    waitingFor: z.array(z.string()).optional().meta({ description: 'What it needs before it is ready.' }),
  })
  .meta({ id: 'ProcessState' });

const quickQuery = z.object({
  quick: z.enum(['true', 'false']).optional().meta({ description: 'Answer from the last results.' }),
});

/** `/livez`, `/readyz`, `/startupz`, `/api/health` and `/api/health/{service}`. */
export function healthOperations(sources: HealthSources): Operation[] {
  const { readiness } = sources;
  return [
    probe('/livez', 'Whether the process runs.', readiness, () => true),
    probe('/readyz', 'Whether the process may be sent requests.', readiness, () => readiness.state === 'ready'),
    probe('/startupz', 'Whether the process serves.', readiness, () => readiness.hasStarted),
    {
      method: 'get',
      path: '/api/health',
      access: 'viewer',
      recorded: false,
      documentation: {
        summary: 'Health of all services that the worker needs',
        description: 'Hosts and error texts are shown to operators only.',
        tags: ['health'],
        requestParams: { query: quickQuery },
        responses: {
          '200': jsonAnswer('Healthy or degraded.', healthDocumentSchema),
          '503': jsonAnswer('Unhealthy: a required service is down.', healthDocumentSchema),
          ...REFUSALS,
        },
      },
      handle: (req, res) => answerHealth(sources, req, res),
    },
    {
      method: 'get',
      path: '/api/health/{service}',
      access: 'viewer',
      recorded: false,
      documentation: {
        summary: 'Health of one service',
        tags: ['health'],
        requestParams: { path: z.object({ service: z.string() }), query: quickQuery },
        responses: {
          '200': jsonAnswer('Up, or optional.', healthDocumentSchema),
          '404': problemAnswer('No service has that name.'),
          '503': jsonAnswer('Down, and required.', healthDocumentSchema),
          ...REFUSALS,
        },
      },
      handle: (req, res) => answerHealth(sources, req, res),
    },
  ];
}

function probe(path: string, summary: string, readiness: Readiness, isUp: () => boolean): Operation {
  return {
    method: 'get',
    path,
    access: 'public',
    recorded: false,
    documentation: {
      summary,
      tags: ['health'],
      responses: { '200': jsonAnswer('Yes.', stateSchema), '503': jsonAnswer('No.', stateSchema) },
    },
    handle: (_req, res) => {
      const { state, waitingFor } = readiness;
      res.status(isUp() ? 200 : 503).json({ status: state, ...(waitingFor.length > 0 && { waitingFor }) });
    },
  };
}

async function answerHealth(sources: HealthSources, req: Request, res: Response): Promise<void> {
  const { health } = sources;
  const { service } = req.params as { service?: string };
  if (service !== undefined && !health.ids().includes(service)) {
    const detail = `There is no check of that name; there are: ${health.ids().join(', ')}.`;
    return sendProblem(res, 'route_not_found', { title: 'There is no such service', detail });
  }
  const quick = req.query['quick'] === 'true';
  const report = await health.report({ quick, ...(service !== undefined && { only: [service] }) });
  const { statusCode, document } = healthDocument(report, {
    showDetails: roleOf(res) === 'operator',
    nowMs: Date.now(),
    uptimeSeconds: process.uptime(),
    environment: sources.environment,
    version: sources.version,
  });
  res.status(statusCode).json(document);
}
