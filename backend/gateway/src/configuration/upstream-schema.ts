import { Resolver } from 'node:dns';
import { z } from 'zod';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const milliseconds = (maximum: number) => z.int().min(1).max(maximum);

/** How the targets of an upstream are asked whether they are healthy. */
export const healthCheckSchema = z
  .strictObject({
    path: z
      .string()
      .regex(/^\/[\x21\x22\x24-\x7e]*$/, "must start with '/' and hold no white space")
      .describe('Path, with a query if need be.'),
    method: z.enum(['GET', 'HEAD']).default('GET').describe('Method of the check.'),
    headers: z
      .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'must be a header name'), z.string())
      .default({})
      .describe('Further headers, such as authorization.'),
    intervalMs: z
      .int()
      .min(100)
      .max(DAY_MS)
      .default(5000)
      .describe('From one check of a target to the next, give or take a tenth.'),
    timeoutMs: milliseconds(10 * MINUTE_MS)
      .default(2000)
      .describe('For a whole check.'),
    healthyAfter: z.int().min(1).max(100).default(2).describe('Passed checks in a row until a target counts again.'),
    unhealthyAfter: z.int().min(1).max(100).default(3).describe('Failed checks in a row until a target is left out.'),
    expectStatus: z
      .array(z.int().min(100).max(599))
      .min(1)
      .optional()
      .describe('Statuses that pass a check. Default: 200 to 399.'),
    panicBelowPercent: z
      .int()
      .min(0)
      .max(100)
      .default(0)
      .describe(
        'With fewer healthy targets than this share all are used: 0 never, any other also when none is healthy.',
      ),
  })
  .describe('Asks each target again and again whether it is healthy; those that are not get no requests.');

/** How targets over TLS are spoken to. */
export const upstreamTlsSchema = z
  .strictObject({
    caFile: z.string().min(1).optional().describe('Authorities that are believed, as PEM, instead of the usual ones.'),
    certificateFile: z.string().min(1).optional().describe("The gateway's own certificate, as PEM."),
    keyFile: z.string().min(1).optional().describe('The key of the certificate, as PEM.'),
    serverName: z
      .string()
      .min(1)
      .optional()
      .describe('Name that the certificate must be for, instead of the host of the url.'),
    verify: z.boolean().default(true).describe('False believes any certificate: for tests only.'),
  })
  .refine((tls) => (tls.certificateFile === undefined) === (tls.keyFile === undefined), {
    message: 'has a certificate without its key, or a key without its certificate',
    params: { remedy: 'give certificateFile and keyFile together' },
  })
  .describe('For targets over https.');

const nameServer = z.string().superRefine((text, context) => {
  try {
    new Resolver().setServers([text]);
  } catch {
    context.addIssue({
      code: 'custom',
      message: 'must be an address, with or without port',
      params: { remedy: "write it as 10.0.0.2, 10.0.0.2:53 or '[fd00::2]:53'" },
    });
  }
});

/** How the names of targets are resolved. */
export const dnsSchema = z.strictObject({
  servers: z.array(nameServer).min(1).optional().describe("Name servers, instead of the system's."),
  timeoutMs: milliseconds(MINUTE_MS).default(2000).describe('For one try at one server.'),
  staleMs: z
    .int()
    .min(0)
    .max(7 * DAY_MS)
    .default(60 * MINUTE_MS)
    .describe('How long the last addresses of a name are used while it cannot be resolved.'),
});

export type HealthCheckConfiguration = z.output<typeof healthCheckSchema>;
export type UpstreamTlsConfiguration = z.output<typeof upstreamTlsSchema>;
export type DnsConfiguration = z.output<typeof dnsSchema>;
