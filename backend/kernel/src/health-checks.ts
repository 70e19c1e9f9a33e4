import { z } from 'zod';

/** The section `checks`: services that the team depends on, asked by HTTP. */
export const checksSchema = z
  .array(
    z.strictObject({
      id: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and dashes, starting with a letter')
        .describe('Name of the service in /api/health.'),
      url: z.url({ protocol: /^https?$/ }).describe('Answers 2xx or 3xx when the service is up.'),
      required: z.boolean().default(false).describe('Whether all is unhealthy without it, or only degraded.'),
      timeoutMs: z.int().min(1).max(60_000).default(2000).describe('Without an answer for so long it counts as down.'),
    }),
  )
  .superRefine((checks, context) => {
    checks.forEach(({ id }, i) => {
      const isTaken = ['database', 'redis'].includes(id) || checks.findIndex((check) => check.id === id) < i;
      if (!isTaken) return;
      const params = { remedy: 'give each check an id of its own' };
      context.addIssue({ code: 'custom', path: [i, 'id'], message: `'${id}' is taken`, params });
    });
  });

/** One entry of `checks`. */
export type CheckConfiguration = z.output<typeof checksSchema>[number];
