import { z } from 'zod';

/** The names of all failure classes, in the order of the design. The kernel holds their facts; a test holds both equal. */
export const failureReasonSchema = z
  .enum([
    'dns_failure',
    'connect_refused',
    'connect_timeout',
    'tls_failure',
    'reset_before_headers',
    'reset_mid_body',
    'headers_timeout',
    'body_timeout',
    'total_timeout',
    'circuit_open',
    'no_healthy_target',
    'upstream_5xx',
    'upstream_protocol',
    'client_abort',
    'client_timeout',
    'body_too_large',
    'rate_limited',
    'overloaded',
    'auth_missing',
    'auth_invalid',
    'auth_forbidden',
    'cors_rejected',
    'csrf_rejected',
    'address_denied',
    'headers_too_large',
    'request_invalid',
    'response_invalid',
    'route_not_found',
    'method_not_allowed',
    'internal',
  ])
  .meta({ id: 'FailureReason', description: 'Failure class: the same word in spans, metrics, logs and answers.' });

/** The body of every answer that Clearway itself makes because something failed (RFC 9457). */
export const problemDocumentSchema = z
  .object({
    type: z.string().meta({ example: 'urn:clearway:problem:request_invalid' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    reason: failureReasonSchema,
    detail: z.string().exactOptional(),
    remedy: z.string().meta({ description: 'What the reader can do about it.' }),
    traceId: z.string().exactOptional(),
    requestId: z.string().exactOptional(),
  })
  .readonly()
  .meta({ id: 'Problem', description: 'Problem document of RFC 9457.' });

/** One parameter that could not be used. */
export const invalidParameterSchema = z
  .object({ name: z.string(), message: z.string() })
  .readonly()
  .meta({ id: 'InvalidParameter' });

/** A problem document that names every parameter at fault. */
export const invalidParametersProblemSchema = z
  .object({
    ...problemDocumentSchema.unwrap().shape,
    invalidParameters: z.array(invalidParameterSchema).readonly(),
  })
  .readonly()
  .meta({ id: 'InvalidParametersProblem', description: 'Problem document that names every parameter at fault.' });

export type ProblemDocument = z.output<typeof problemDocumentSchema>;
export type InvalidParameter = z.output<typeof invalidParameterSchema>;
export type InvalidParametersProblem = z.output<typeof invalidParametersProblemSchema>;
