import { createHash } from 'node:crypto';
import { z } from 'zod';
import { BackupFailure } from '../failures.ts';
import { manifestSchema, type Manifest } from './schema.ts';

const envelopeSchema = z.strictObject({ sha256: z.string(), manifest: z.unknown() });

const digestOf = (manifest: unknown): string => createHash('sha256').update(JSON.stringify(manifest)).digest('hex');

/** The manifest as a file, with a digest of itself: a flipped bit in it must not pass for a difference of the data. */
export function writeManifest(manifest: Manifest): string {
  return `${JSON.stringify({ sha256: digestOf(manifest), manifest }, null, 1)}\n`;
}

/**
 * Reads a manifest.
 *
 * @throws BackupFailure `damaged` when it is not what was written, `unsupported` when it is, and is not understood
 */
export function readManifest(text: string, id: string): Manifest {
  const fail = (why: string, cause?: unknown): never => {
    throw new BackupFailure('damaged', `the manifest of ${id} ${why}`, { cause });
  };
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    fail('is no JSON', error);
  }
  const envelope = envelopeSchema.safeParse(document);
  if (!envelope.success) return fail('has not the form of a manifest');
  if (digestOf(envelope.data.manifest) !== envelope.data.sha256)
    return fail('is not what was written: its digest differs');
  const parsed = manifestSchema.safeParse(envelope.data.manifest);
  if (!parsed.success) throw notUnderstood(id, parsed.error);
  if (parsed.data.id !== id) return fail(`belongs to another backup: ${parsed.data.id}`);
  return parsed.data;
}

function notUnderstood(id: string, error: z.ZodError): BackupFailure {
  const message = `the manifest of ${id} is not understood: ${z.prettifyError(error)}`;
  return new BackupFailure('unsupported', message, { remedy: 'read it with the version of Clearway that made it' });
}
