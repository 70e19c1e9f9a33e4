import { z } from 'zod';

const text = () => z.string();
/** A value that may be missing: not visible, or not applicable. */
export const maybe = <T extends z.ZodType>(schema: T) => schema.nullable();
export const time = () => z.iso.datetime();
export const rows = <T extends z.ZodRawShape>(shape: T) => z.array(z.object(shape).readonly()).readonly();

/**
 * What a view of a database answers with: what the last pass found, when, or why it found nothing. Asking again asks the
 * database nothing.
 *
 * @param id in the OpenAPI document
 */
export function viewSchema<T extends z.ZodType>(id: string, data: T) {
  return z
    .object({
      database: text(),
      at: time().nullable().meta({ description: 'When the database was asked; null before the first time.' }),
      skipped: z
        .record(z.string(), z.string())
        .readonly()
        .meta({ description: 'Parts that were not answered, with the reason.' }),
      data: data.nullable(),
    })
    .readonly()
    .meta({ id });
}
