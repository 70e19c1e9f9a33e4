import { z } from 'zod';
import { failureReasonSchema } from './problem.ts';

/** What one check of a target found. */
export const targetCheckSchema = z
  .object({
    passed: z.boolean(),
    checkedAt: z.iso.datetime(),
    durationMs: z.number().min(0),
    status: z.int().exactOptional().meta({ description: 'Status of the answer; absent when there was none.' }),
    reason: failureReasonSchema.exactOptional(),
    cause: z.string().exactOptional().meta({ description: 'Text of the error, for operators only.' }),
  })
  .readonly()
  .meta({ id: 'TargetCheck' });

/** The addresses of a target's name. */
export const targetNameSchema = z
  .object({
    addresses: z.array(z.string()).readonly(),
    expiresAt: z.iso.datetime().exactOptional().meta({ description: 'In the past while they cannot be renewed.' }),
    error: z.string().exactOptional().meta({ description: 'Why the last query failed.' }),
  })
  .readonly()
  .meta({ id: 'TargetName' });

/** One target as the gateway sees it at this moment. */
export const targetStatusSchema = z
  .object({
    url: z.string(),
    weight: z.int().min(1),
    state: z
      .enum(['unknown', 'healthy', 'unhealthy'])
      .meta({ description: 'Unknown when it was not checked yet, or is not checked at all.' }),
    since: z.iso.datetime().meta({ description: 'When the state was entered.' }),
    used: z.boolean().meta({ description: 'Whether requests are sent to it.' }),
    inFlight: z.int().min(0).meta({ description: 'Requests that it has or that wait for a connection to it.' }),
    connections: z
      .object({ open: z.int().min(0), idle: z.int().min(0), waiting: z.int().min(0), limit: z.int().min(1) })
      .readonly()
      .meta({ description: 'Open connections, those of them without a request, and requests that wait for one.' }),
    lastCheck: targetCheckSchema.exactOptional(),
    name: targetNameSchema.exactOptional().meta({ description: 'For operators only; absent for an address.' }),
  })
  .readonly()
  .meta({ id: 'TargetStatus' });

/** The answer of the gateway's `GET /api/gateway/upstreams`. */
export const upstreamListSchema = z
  .object({
    upstreams: z
      .array(
        z
          .object({
            name: z.string(),
            balance: z.string(),
            checked: z.boolean().meta({ description: 'Whether its targets have health checks.' }),
            panicking: z.boolean().meta({ description: 'Whether all targets are used because too few are healthy.' }),
            targets: z.array(targetStatusSchema).readonly(),
          })
          .readonly()
          .meta({ id: 'UpstreamStatus' }),
      )
      .readonly(),
  })
  .readonly()
  .meta({ id: 'UpstreamList' });

export type TargetStatus = z.output<typeof targetStatusSchema>;
export type UpstreamList = z.output<typeof upstreamListSchema>;
