import { z } from 'zod';
import { check } from './validation.ts';

const MAX_LIMIT = 100;

const query = z.object({
  limit: z.coerce.number<string>().int().min(1).max(MAX_LIMIT).default(20),
  cursor: z.uuid().optional(),
});

/** Which part of a listing is wanted: newest first, after the thing that the cursor names. */
export interface PageRequest {
  readonly limit: number;
  readonly cursor: string | undefined;
}

/** Reads `limit` and `cursor` of a query string. */
export function pageOf(value: unknown): PageRequest {
  const { limit, cursor } = check(query, value, 'query');
  return { limit, cursor };
}

/** How a page is asked of Prisma: ids sort by age, and one more row than wanted says whether there is a next page. */
export const pageQuery = ({ limit, cursor }: PageRequest) => ({
  ...(cursor !== undefined && { where: { id: { lt: cursor } } }),
  orderBy: { id: 'desc' as const },
  take: limit + 1,
});

/** One part of a listing. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Cursor of the next page; null at the end. */
  readonly next: string | null;
}

/** Makes a page of what `pageQuery` found. */
export function page<Row extends { id: string }, T>(
  rows: readonly Row[],
  request: PageRequest,
  show: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, request.limit);
  const next = rows.length > request.limit ? (shown.at(-1)?.id ?? null) : null;
  return { items: shown.map(show), next };
}
