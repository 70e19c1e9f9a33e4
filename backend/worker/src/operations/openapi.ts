import { createDocument, type ZodOpenApiOperationObject } from 'zod-openapi';
import type { Operation } from './operation.ts';

/** The OpenAPI document of a list of operations. */
export type OpenApiDocument = ReturnType<typeof createDocument>;

const DESCRIPTION = `What the worker knows, and where services send their traces.

On loopback without tokens every operation is open to programs of this machine. With \`OPERATIONS_TOKENS\` a bearer token is
needed: a viewer reads, an operator also changes and sees hosts and error texts.`;

const NEEDS: Record<Operation['access'], string | undefined> = {
  public: undefined,
  sender: 'Services on this machine need no token; others send any operations token.',
  viewer: undefined,
  operator: 'Needs an operator.',
  scheduler: 'Needs the CRON_SECRET as a bearer token.',
  reporter: 'Needs an operator, or the token of the job from JOB_REPORT_TOKENS.',
};

/**
 * Makes the OpenAPI 3.1 document from the operations and the contracts that they name.
 *
 * @param version of the worker
 */
export function openApiDocument(operations: readonly Operation[], version: string): OpenApiDocument {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
  }
  return createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Clearway operations API',
      version,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [
      {
        name: 'jobs',
        description: 'What runs by schedule or from a queue: runs, metrics, health, and what an operator may do.',
      },
      { name: 'dead-letters', description: 'Events that failed for good: grouped, replayed, discarded, exported.' },
      { name: 'databases', description: 'What is found out about the watched databases. Asking asks no database.' },
      { name: 'backups', description: 'Backups, how far each is proven, and what is not well with them.' },
      { name: 'traces', description: 'Recent traces and their log records.' },
      { name: 'ingest', description: 'OTLP over HTTP: where services send their spans and log records.' },
      { name: 'health', description: 'Probes, and the health of what the worker needs.' },
      { name: 'metrics', description: 'For Prometheus.' },
      { name: 'documentation', description: 'This document.' },
    ],
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    paths,
  });
}

function describe({ method, path, access, documentation }: Operation): ZodOpenApiOperationObject {
  const needs = NEEDS[access];
  const description = [documentation.description, needs].filter((part) => part !== undefined).join('\n\n');
  return {
    operationId: operationId(method, path),
    ...documentation,
    ...(description !== '' && { description }),
    // an empty entry means that none is needed as well: on loopback
    security: access === 'public' ? [] : [{ token: [] }, {}],
  };
}

/** `get /api/traces/{traceId}/logs` becomes `getApiTracesTraceIdLogs`. */
function operationId(method: string, path: string): string {
  const words = path.split(/\W+/).filter((word) => word !== '');
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
