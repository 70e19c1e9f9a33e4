import type { Metrics } from '@clearway/telemetry';
import { REFUSALS, textAnswer } from './documentation.ts';
import type { Operation } from './operation.ts';

/** `/metrics`, in OpenMetrics. */
export function metricsOperation(metrics: Metrics): Operation {
  return {
    method: 'get',
    path: '/metrics',
    access: 'viewer',
    recorded: false,
    documentation: {
      summary: 'Metrics of the worker',
      tags: ['metrics'],
      responses: { '200': textAnswer('OpenMetrics text with exemplars.', 'application/openmetrics-text'), ...REFUSALS },
    },
    handle: async (_req, res) => {
      const text = await metrics.render();
      res.set('content-type', metrics.contentType).end(text);
    },
  };
}
