import { resolve } from 'node:path';
import { z } from 'zod';

/** Exit code of a process whose configuration is wrong (EX_CONFIG of sysexits.h). */
export const EXIT_CONFIGURATION = 78;

const wholeNumber = (min: number, max: number) =>
  z.string().regex(/^\d+$/, 'expected a whole number').transform(Number).pipe(z.number().min(min).max(max));

const shape = z.object({
  PORT: wholeNumber(0, 65_535).default(4000),
  HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: z
    .string('set it to postgresql://user:password@host:5432/tracks')
    .refine((text) => /^postgres(ql)?:$/.test(URL.parse(text)?.protocol ?? ''), 'expected postgresql://…'),
  JOBS_DATABASE_URL: z
    .string()
    .refine((text) => /^postgres(ql)?:$/.test(URL.parse(text)?.protocol ?? ''), 'expected postgresql://…')
    .optional(),
  UPLOAD_DIRECTORY: z
    .string()
    .default('.data/uploads')
    .transform((path) => resolve(path)),
  MAX_UPLOAD_BYTES: wholeNumber(1, 2 ** 40).default(50 * 1024 * 1024),
});

/** What the service needs to know of its surroundings. */
export interface Configuration {
  readonly port: number;
  readonly host: string;
  readonly databaseUrl: string;
  /** Clearway's own database, which holds the queues; jobs are off without it. */
  readonly jobsDatabaseUrl: string | undefined;
  /** Absolute path. */
  readonly uploadDirectory: string;
  readonly maxUploadBytes: number;
}

/**
 * Reads the configuration from the environment; an empty variable counts as unset.
 *
 * @throws Error that names every problem, and no value, since one of them holds a password
 */
export function readConfiguration(variables: Readonly<Record<string, string | undefined>>): Configuration {
  const present = Object.fromEntries(Object.entries(variables).filter(([, text]) => text !== undefined && text !== ''));
  const parsed = shape.safeParse(present);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`the configuration is not valid:\n${problems.join('\n')}`);
  }
  const { PORT, HOST, DATABASE_URL, JOBS_DATABASE_URL, UPLOAD_DIRECTORY, MAX_UPLOAD_BYTES } = parsed.data;
  return Object.freeze({
    port: PORT,
    host: HOST,
    databaseUrl: DATABASE_URL,
    jobsDatabaseUrl: JOBS_DATABASE_URL,
    uploadDirectory: UPLOAD_DIRECTORY,
    maxUploadBytes: MAX_UPLOAD_BYTES,
  });
}

/** The configuration, or the end of the process with all that is wrong with it. */
export function configurationOrExit(): Configuration {
  try {
    return readConfiguration(process.env);
  } catch (error) {
    process.stderr.write(`tracks-service: ${(error as Error).message}\n`);
    return process.exit(EXIT_CONFIGURATION);
  }
}
