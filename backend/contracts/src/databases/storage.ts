import { z } from 'zod';
import { maybe, rows, time, viewSchema } from './view.ts';

const n = () => z.number();
const text = () => z.string();
const table = { schemaName: text(), tableName: text() };

/** How large the database and its tables are. */
export const databaseSizesSchema = viewSchema(
  'DatabaseSizes',
  z
    .object({
      database: maybe(
        z
          .object({
            databaseName: text(),
            sizeBytes: n(),
            commits: n(),
            rollbacks: n(),
            cacheHitPercent: maybe(n()),
            deadlocks: n(),
            tempBytes: n(),
            conflicts: n(),
            statsSince: maybe(time()),
            tables: n(),
          })
          .readonly(),
      ),
      quotaBytes: maybe(n()),
      growth: maybe(
        z
          .object({
            bytesPerDay: n(),
            overDays: n().meta({ description: 'From how many days it was worked out.' }),
            daysUntilQuota: maybe(n()),
          })
          .readonly(),
      ),
      tables: rows({
        ...table,
        totalBytes: n(),
        tableBytes: n(),
        indexBytes: n(),
        toastBytes: n(),
        estimatedRows: n(),
        deadRows: n(),
        sequentialScans: n(),
        indexScans: n(),
        lastVacuum: maybe(time()),
        lastAnalyze: maybe(time()),
        locked: z.boolean().meta({ description: 'Somebody held it: its size is an estimate.' }),
      }),
    })
    .readonly(),
);

/** Which indexes are used, which only cost, and which are missing. */
export const databaseIndexesSchema = viewSchema(
  'DatabaseIndexes',
  z
    .object({
      unused: rows({
        ...table,
        indexName: text(),
        sizeBytes: n(),
        scans: n(),
        statsSince: maybe(time()),
        definition: text(),
      }),
      problems: rows({
        problem: text().meta({ description: 'invalid or duplicate.' }),
        ...table,
        indexName: text(),
        otherIndex: maybe(text()),
        definition: text(),
      }),
      lost: rows({ tableName: text(), indexName: text(), definition: text(), at: time() }),
      sequentialReads: rows({
        ...table,
        estimatedRows: n(),
        scansPerSecond: n(),
        rowsPerSecond: n(),
      }),
      usage: rows({
        ...table,
        indexName: text(),
        scans: n(),
        tuplesRead: n(),
        tuplesFetched: n(),
        sizeBytes: n(),
        isUnique: z.boolean(),
        isValid: z.boolean(),
        tableIndexPercent: maybe(n()),
        lastUsed: maybe(time()),
      }),
      rowSecurity: rows({
        ...table,
        policyName: maybe(text()),
        finding: text(),
        detail: text(),
        recommendation: text(),
        estimatedRows: n(),
      }),
    })
    .readonly(),
);

/** Dead rows, bloat, and whether autovacuum keeps up. */
export const databaseBloatSchema = viewSchema(
  'DatabaseBloat',
  z
    .object({
      bloat: rows({
        ...table,
        indexName: maybe(text()),
        sizeBytes: n(),
        bloatBytes: maybe(n()),
        bloatPercent: maybe(n()),
        visible: z.boolean(),
      }),
      vacuum: rows({
        ...table,
        liveRows: n(),
        deadRows: n(),
        deadPercent: n(),
        vacuumAt: n(),
        isDue: z.boolean(),
        autovacuumEnabled: z.boolean(),
        lastVacuum: maybe(time()),
        lastAnalyze: maybe(time()),
        changedSinceAnalyze: n(),
        runningPhase: maybe(text()),
      }),
    })
    .readonly(),
);

/** What can run out: sequences, and transaction ids. */
export const databaseLimitsSchema = viewSchema(
  'DatabaseLimits',
  z
    .object({
      sequences: rows({
        schemaName: text(),
        sequenceName: text(),
        columnName: maybe(text()),
        lastValue: maybe(n()),
        limitValue: n(),
        usedPercent: maybe(n()),
        limitedBy: text(),
        cycles: z.boolean(),
        visible: z.boolean(),
      }),
      wraparound: rows({
        databaseName: text(),
        xidAge: n(),
        multixactAge: n(),
        usedPercent: n(),
        freezeAt: n(),
        oldestTable: maybe(text()),
        heldBackBy: maybe(text()),
        heldBackAge: maybe(n()),
      }),
    })
    .readonly(),
);

/** Replicas and replication slots. */
export const databaseReplicationSchema = viewSchema(
  'DatabaseReplication',
  z
    .object({
      replicas: rows({
        role: text(),
        replica: text(),
        client: maybe(text()),
        state: maybe(text()),
        syncState: maybe(text()),
        lagBytes: maybe(n()),
        lagSeconds: maybe(n()),
        visible: z.boolean(),
      }),
      slots: rows({
        slotName: text(),
        slotType: text(),
        databaseName: maybe(text()),
        active: z.boolean(),
        walStatus: maybe(text()),
        retainedBytes: maybe(n()),
        safeBytes: maybe(n()),
        xminAge: maybe(n()),
        invalidatedBecause: maybe(text()),
        inactiveSince: maybe(time()),
      }),
    })
    .readonly(),
);

export type DatabaseSizes = z.output<typeof databaseSizesSchema>;
export type DatabaseIndexes = z.output<typeof databaseIndexesSchema>;
export type DatabaseBloat = z.output<typeof databaseBloatSchema>;
export type DatabaseLimits = z.output<typeof databaseLimitsSchema>;
export type DatabaseReplication = z.output<typeof databaseReplicationSchema>;
