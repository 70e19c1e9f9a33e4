import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { asBackupFailure } from '../failures.ts';
import { makeDirectory, writeDurably } from '../files/durable.ts';

const stepSchema = z.strictObject({
  name: z.enum(['storage', 'key', 'restore', 'time']),
  status: z.enum(['passed', 'failed', 'skipped']),
  message: z.string(),
});

const reportSchema = z.strictObject({
  formatVersion: z.literal(1),
  id: z.string(),
  startedAt: z.iso.datetime(),
  completedAt: z.iso.datetime(),
  outcome: z.enum(['passed', 'failed']),
  /** Id of the storage that it was made from. */
  storage: z.string(),
  location: z.string(),
  database: z.string().nullable(),
  backupId: z.string().nullable(),
  /** How old the data were that would have come back. */
  backupAgeSeconds: z.number().nullable(),
  restoreSeconds: z.number().nullable(),
  objectiveSeconds: z.number().nullable(),
  /** What it was restored into. */
  server: z.string().nullable(),
  tables: z.int().nullable(),
  rows: z.int().nullable(),
  steps: z.array(stepSchema),
  /** Why it failed. */
  failure: z.strictObject({ reason: z.string(), message: z.string(), remedy: z.string().optional() }).nullable(),
});

/** What a drill came to. */
export type DrillReport = z.infer<typeof reportSchema>;
export type DrillStep = z.infer<typeof stepSchema>;

const FOLDER = 'drills';

/**
 * Keeps a report below a directory.
 *
 * @returns the file
 */
export async function writeDrillReport(directory: string, report: DrillReport): Promise<string> {
  const file = path.join(directory, FOLDER, `${report.id}.json`);
  try {
    await makeDirectory(path.dirname(file));
    await writeDurably(file, `${JSON.stringify(report, null, 1)}\n`);
  } catch (error) {
    throw asBackupFailure(error, 'storage-failed');
  }
  return file;
}

/** The reports that were kept below a directory, oldest first; what is no report is passed over. */
export async function listDrillReports(directory: string): Promise<DrillReport[]> {
  const folder = path.join(directory, FOLDER);
  const names = await readdir(folder).catch((): string[] => []);
  const reports: DrillReport[] = [];
  for (const name of names.filter((file) => file.endsWith('.json')).sort()) {
    const parsed = reportSchema.safeParse(await readJson(path.join(folder, name)));
    if (parsed.success) reports.push(parsed.data);
  }
  return reports;
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}
