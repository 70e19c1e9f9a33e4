import { problemDocumentSchema } from '@clearway/contracts';
import type { ZodType } from 'zod';
import type { ZodOpenApiResponseObject } from 'zod-openapi';

/** An answer in JSON, for the OpenAPI document. */
export function jsonAnswer(description: string, schema: ZodType): ZodOpenApiResponseObject {
  return { description, content: { 'application/json': { schema } } };
}

/** An answer as a problem document, for the OpenAPI document. */
export function problemAnswer(description: string, schema: ZodType = problemDocumentSchema): ZodOpenApiResponseObject {
  return { description, content: { 'application/problem+json': { schema } } };
}

/** An answer in another format, for the OpenAPI document. */
export function textAnswer(description: string, mediaType: string): ZodOpenApiResponseObject {
  return { description, content: { [mediaType]: { schema: { type: 'string' } } } };
}

/** How every operation that needs a token refuses. */
export const REFUSALS = {
  '401': problemAnswer('No token, or one that is not known.'),
  '403': problemAnswer('Not allowed: by the role, or since the caller is no loopback client.'),
} as const;
