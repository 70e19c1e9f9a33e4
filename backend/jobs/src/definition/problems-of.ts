import type { z } from 'zod';

/** All faults of a value in one line: `trackId: Invalid UUID; size: Too big`. */
export function problemsOf(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': ')).join('; ');
}
