import { z } from 'zod';

/** One service in a health answer. Host and error texts are given to operators only. */
export const serviceHealthSchema = z
  .object({
    status: z.enum(['up', 'down']),
    responseTime: z.number().min(0).meta({ description: 'Milliseconds.' }),
    required: z.boolean().meta({ description: 'Whether the whole is unhealthy without it, or only degraded.' }),
    checkedAt: z.iso.datetime(),
    target: z.string().exactOptional(),
    error: z.string().exactOptional(),
  })
  .readonly()
  .meta({ id: 'ServiceHealth' });

/** The answer of `/api/health`: 200 when healthy or degraded, 503 when unhealthy. */
export const healthDocumentSchema = z
  .object({
    status: z.enum(['healthy', 'degraded', 'unhealthy']),
    timestamp: z.iso.datetime(),
    uptime: z.number().min(0).meta({ description: 'Seconds since the process started.' }),
    environment: z.string(),
    version: z.string(),
    services: z.record(z.string(), serviceHealthSchema).readonly(),
  })
  .readonly()
  .meta({ id: 'Health' });

export type ServiceHealth = z.output<typeof serviceHealthSchema>;
export type HealthDocument = z.output<typeof healthDocumentSchema>;
