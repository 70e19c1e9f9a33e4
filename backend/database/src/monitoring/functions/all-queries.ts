import { connectionQueries } from '../connections/queries.ts';
import { indexQueries } from '../indexes/queries.ts';
import { lockQueries } from '../locks/queries.ts';
import { replicationQueries } from '../replication/queries.ts';
import { serverQueries } from '../server/queries.ts';
import { sizeQueries } from '../sizes/queries.ts';
import { statementQueries } from '../slow-queries/queries.ts';
import { vacuumQueries } from '../vacuum/queries.ts';
import type { MonitoringQuery } from './define.ts';

/** Every query that is also a function of the schema `monitoring`. */
export const MONITORING_QUERIES: readonly MonitoringQuery[] = [
  ...serverQueries,
  ...connectionQueries,
  ...lockQueries,
  ...statementQueries,
  ...sizeQueries,
  ...indexQueries,
  ...vacuumQueries,
  ...replicationQueries,
];
