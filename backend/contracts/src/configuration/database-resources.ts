import { z } from 'zod';

const httpUrl = z.url({ protocol: /^https?$/ });
const secret = (what: string) => z.string().min(1).describe(`${what}; best in a variable: env:NAME.`);

const host = z.strictObject({
  from: z.literal('host').describe("The worker's own machine, where the server runs beside it."),
});

const supabase = z.strictObject({
  from: z.literal('supabase').describe("Supabase's metrics."),
  project: z
    .string()
    .regex(/^[a-z0-9]{8,40}$/, "must be the project's reference, as in https://REFERENCE.supabase.co")
    .describe("The project's reference."),
  secretKey: secret('A secret API key of the project'),
  url: httpUrl
    .optional()
    .describe('Origin of the project; https://REFERENCE.supabase.co unless it has a domain of its own.'),
});

const neon = z.strictObject({
  from: z.literal('neon').describe("Neon's API, which tells how much compute was allocated."),
  project: z
    .string()
    .regex(/^[a-z0-9-]{1,60}$/, 'must be the id of a project')
    .describe("The project's id."),
  endpoint: z
    .string()
    .regex(/^ep-[a-z0-9-]{1,60}$/, 'must be the id of a compute, such as ep-cool-name-123456')
    .describe("The compute's id."),
  apiKey: secret('An API key'),
  url: httpUrl.default('https://console.neon.tech/api/v2').describe('Where the API is.'),
});

const promql = z
  .strictObject({
    from: z.literal('promql').describe('A Prometheus, or what speaks its query API.'),
    url: httpUrl.describe('Origin and prefix of its API, such as http://prometheus:9090.'),
    cpu: z.string().min(1).optional().describe('Query whose one value is the processor time in use, in percent.'),
    memory: z.string().min(1).optional().describe('Query whose one value is the memory in use, in percent.'),
    token: secret('Sent as a bearer token').optional(),
  })
  .refine(({ cpu, memory }) => cpu !== undefined || memory !== undefined, {
    message: 'asks for nothing',
    params: { remedy: 'add cpu, memory or both' },
  });

/** Where processor and memory figures of a database server come from. */
export const resourcesSchema = z.discriminatedUnion('from', [host, supabase, neon, promql]);

/** Where processor and memory figures of a database server come from. */
export type DatabaseResources = z.output<typeof resourcesSchema>;
