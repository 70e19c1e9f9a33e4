import { databaseSummarySchema, healthDocumentSchema, type HealthDocument } from '@clearway/contracts';
import { healthDocument } from '@clearway/kernel';
import { z } from 'zod';
import { roleOf } from '../../operations/access.ts';
import { jsonAnswer, REFUSALS } from '../../operations/documentation.ts';
import type { HealthSources } from '../../operations/health-operations.ts';
import type { Operation } from '../../operations/operation.ts';
import { listOf } from './database-operations.ts';
import type { DatabaseMonitoring } from './monitoring.ts';

const databaseHealthSchema = z
  .object({
    ...healthDocumentSchema.unwrap().shape,
    databases: z.array(databaseSummarySchema).readonly(),
  })
  .readonly()
  .meta({ id: 'DatabaseHealth' });

const query = z.object({
  quick: z.enum(['true', 'false']).optional().meta({ description: 'Answer from the last results.' }),
});

/**
 * `/api/health/database`: whether Clearway's own database answers, as in `/api/health`, and how all watched databases
 * stand. One that is critical makes it degraded; unhealthy it is without Clearway's own.
 */
export function databaseHealthOperation(
  monitoring: DatabaseMonitoring,
  { health, environment, version }: Pick<HealthSources, 'health' | 'environment' | 'version'>,
): Operation {
  return {
    method: 'get',
    path: '/api/health/database',
    access: 'viewer',
    recorded: false,
    documentation: {
      summary: "Health of Clearway's own database, and of every watched one",
      description: 'Hosts and error texts are shown to operators only.',
      tags: ['health', 'databases'],
      requestParams: { query },
      responses: {
        '200': jsonAnswer('Up; degraded when a watched database is critical.', databaseHealthSchema),
        '503': jsonAnswer("Clearway's own database is down.", databaseHealthSchema),
        ...REFUSALS,
      },
    },
    handle: async (req, res) => {
      const report = await health.report({ quick: req.query['quick'] === 'true', only: ['database'] });
      const { databases } = await listOf(monitoring);
      const { statusCode, document } = healthDocument(report, {
        showDetails: roleOf(res) === 'operator',
        nowMs: Date.now(),
        uptimeSeconds: process.uptime(),
        environment,
        version,
      });
      const isCritical = databases.some(({ status }) => status === 'critical');
      const status: HealthDocument['status'] =
        document.status === 'healthy' && isCritical ? 'degraded' : document.status;
      res.status(statusCode).json({ ...document, status, databases });
    },
  };
}
