import { z } from 'zod';
import type { AnyJob } from '../definition/define-job.ts';
import type { KeptSettings } from '../definition/registry.ts';
import type { EventData } from './event.ts';
import { isStorableJson } from '../runs/storable.ts';
import { InputRefused } from './input-refused.ts';

/** More than any reasonable event: a file belongs into a store, and its name into the event. */
const LONGEST_INPUT_BYTES = 1024 * 1024;

/**
 * Checks that an input can be kept in the queue.
 *
 * @throws {InputRefused} when it is too long, or has characters that PostgreSQL's JSON cannot hold
 */
export function checkStorable(jobId: string, input: unknown): void {
  const text = JSON.stringify(input) ?? '';
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > LONGEST_INPUT_BYTES) {
    throw new InputRefused(jobId, `${sizeBytes} bytes are more than ${LONGEST_INPUT_BYTES}`);
  }
  if (!isStorableJson(text)) {
    throw new InputRefused(jobId, 'it has a character that the database cannot hold: U+0000, or half a surrogate pair');
  }
}

/**
 * Checks an input that a person wrote: by the job's own schema where the job is defined in this process, else by the one
 * that its service left in the database.
 *
 * @throws {InputRefused} with all problems
 */
export function checkAgainstKept(
  jobId: string,
  settings: KeptSettings,
  input: unknown,
  definition?: AnyJob,
): EventData['input'] {
  const json = z.json().safeParse(input);
  if (!json.success) throw new InputRefused(jobId, json.error);
  checkStorable(jobId, input);
  const parsed = (definition?.input ?? schemaOf(settings))?.safeParse(input);
  if (parsed && !parsed.success) throw new InputRefused(jobId, parsed.error);
  return json.data;
}

/** Undefined when the schema cannot be said in JSON: then the job itself checks the input, when it runs. */
function schemaOf({ input }: KeptSettings): z.ZodType | undefined {
  if (input === undefined) return undefined;
  try {
    return z.fromJSONSchema(input as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    return undefined;
  }
}
