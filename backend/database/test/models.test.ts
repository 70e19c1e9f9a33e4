import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '../src/index.ts';
import { withTestDatabase, type TestDatabase } from '../src/testing/index.ts';

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await withTestDatabase();
  database = createDatabase({ connectionString: testDatabase.connectionString, applicationName: 'models-test' });
});
afterAll(async () => {
  await database?.close();
  await testDatabase?.close();
});

describe('models', () => {
  test("keep a job's metrics, one row a job", async () => {
    const lastExecutionAt = new Date('2026-03-29T01:30:00.123Z');
    const counts = { totalExecutions: 3, successCount: 2, failureCount: 1 };
    const durations = { totalDurationMs: 90.5, minDurationMs: 10.25, maxDurationMs: 50 };
    await database.prisma.jobMetrics.create({
      data: { jobId: 'nightly', ...counts, ...durations, lastExecutionAt, metadata: { attempt: 1 } },
    });
    const found = await database.prisma.jobMetrics.findUniqueOrThrow({ where: { jobId: 'nightly' } });
    expect(found).toMatchObject({
      jobId: 'nightly',
      ...counts,
      ...durations,
      lastSuccessAt: null,
      metadata: { attempt: 1 },
    });
    expect(found.lastExecutionAt?.toISOString()).toBe(lastExecutionAt.toISOString());
    await expect(database.prisma.jobMetrics.create({ data: { jobId: 'nightly' } })).rejects.toMatchObject({
      code: 'P2002',
    });
  });

  test('keep one baseline a job', async () => {
    const baseline = { jobId: 'nightly', baselineAvgMs: 12.5, baselineP95Ms: 40, sampleSize: 200 };
    await database.prisma.performanceBaseline.create({ data: baseline });
    expect(await database.prisma.performanceBaseline.findUnique({ where: { jobId: 'nightly' } })).toMatchObject(
      baseline,
    );
    await expect(database.prisma.performanceBaseline.create({ data: baseline })).rejects.toMatchObject({
      code: 'P2002',
    });
  });

  test('take a dead letter from pending to processed', async () => {
    const created = await database.prisma.deadLetterQueue.create({
      data: { jobId: 'mail', eventData: { to: ['a', 'b'], nested: { n: 1 } }, error: 'connection refused' },
    });
    expect(created).toMatchObject({ status: 'PENDING', attempts: 0, processedAt: null, metadata: null });
    const processedAt = new Date();
    const changes = {
      status: 'SUCCEEDED' as const,
      attempts: { increment: 1 },
      processedAt,
      lastAttemptAt: processedAt,
    };
    const updated = await database.prisma.deadLetterQueue.update({ where: { id: created.id }, data: changes });
    expect(updated).toMatchObject({
      status: 'SUCCEEDED',
      attempts: 1,
      eventData: { to: ['a', 'b'], nested: { n: 1 } },
    });
    expect(await database.prisma.deadLetterQueue.count({ where: { status: 'PENDING' } })).toBe(0);
  });

  test('keep alerts with their severity until they are resolved', async () => {
    const { id } = await database.prisma.alert.create({
      data: { type: 'backup_missing', severity: 'CRITICAL', title: 'No backup', message: 'none in 25 hours' },
    });
    const open = { where: { type: 'backup_missing', severity: 'CRITICAL' as const, resolved: false } };
    expect(await database.prisma.alert.findMany(open)).toHaveLength(1);
    await database.prisma.alert.update({ where: { id }, data: { resolved: true, resolvedAt: new Date() } });
    expect(await database.prisma.alert.findMany(open)).toHaveLength(0);
  });

  test('give ids that sort by age', async () => {
    const letters = [];
    for (let i = 0; i < 3; i++)
      letters.push(
        await database.prisma.alert.create({ data: { type: 'order', severity: 'INFO', title: `${i}`, message: '' } }),
      );
    const ids = letters.map((letter) => letter.id.slice(0, 13)); // the milliseconds
    expect([...ids].sort()).toEqual(ids);
  });
});
