import { indexNames, indexProblems, indexUsageStats, rlsPerformance, unusedIndexes } from '../indexes/queries.ts';
import { capabilities } from '../server/queries.ts';
import { allTableSizes, databaseSize } from '../sizes/queries.ts';
import { queryPerformance, slowQueries } from '../slow-queries/queries.ts';
import { bloat, sequenceUsage, transactionWraparound, vacuumStatus } from '../vacuum/queries.ts';
import { firstRow } from './answer.ts';
import type { Asker } from './ask-all.ts';

/** How many rows of each list are kept; the worst stand first. */
const MAX_ROWS = 200;
const MAX_QUERIES = 50;
const MAX_INDEXES = 50_000;

/** What a full pass asks: answers that take the server longer, and change slowly. */
export async function fullQuestions({ rows }: Asker) {
  return {
    capabilities: await rows(capabilities),
    database: firstRow(await rows(databaseSize)),
    wraparound: await rows(transactionWraparound),
    sequences: await rows(sequenceUsage, [0, MAX_ROWS]),
    slowest: await rows(slowQueries, [0, MAX_QUERIES]),
    byTime: await rows(queryPerformance, [MAX_QUERIES]),
    tables: await rows(allTableSizes, [MAX_ROWS]),
    vacuum: await rows(vacuumStatus, [MAX_ROWS]),
    unused: await rows(unusedIndexes, [0, MAX_ROWS]),
    problems: await rows(indexProblems),
    indexUsage: await rows(indexUsageStats, [MAX_ROWS]),
    rowSecurity: await rows(rlsPerformance),
    bloat: await rows(bloat, [1_048_576, MAX_ROWS]),
    indexNames: await rows(indexNames, [MAX_INDEXES]),
  };
}

/** What a full pass found. */
export type FullAnswers = Awaited<ReturnType<typeof fullQuestions>>;
