import type { Request, Response } from 'express';
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import type { Access } from './access.ts';

/**
 * One operation of the API. The routes and the OpenAPI document are both made from the list of operations, so that what
 * is documented is there and what is there is documented.
 */
export interface Operation {
  readonly method: 'get' | 'post';
  /** As OpenAPI writes it: `/api/traces/{traceId}`. */
  readonly path: string;
  readonly access: Access;
  /** Whether a request is logged, counted and joined to its trace; not so for what is asked every second. */
  readonly recorded: boolean;
  /** Set when it takes a JSON document: how long that may be. */
  readonly bodyLimitBytes?: number;
  readonly documentation: ZodOpenApiOperationObject;
  readonly handle: (req: Request, res: Response) => void | Promise<void>;
}

/** The path as Express writes it: `/api/traces/:traceId`. */
export function expressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}
