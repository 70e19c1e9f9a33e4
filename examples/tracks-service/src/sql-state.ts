import { Prisma } from './generated/client.ts';

const UNDEFINED_COLUMN = '42703';

/** Whether a query failed because a column does not exist, as it is after a contracting migration. */
export function isMissingColumn(error: unknown): boolean {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return false;
  return error.code === 'P2010' && JSON.stringify(error.meta ?? {}).includes(UNDEFINED_COLUMN);
}
