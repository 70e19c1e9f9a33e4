import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { StoredBackup } from '../src/index.ts';
import { openBench, openBenchServer, type Bench, type BenchServer } from './support/bench.ts';
import { cheapest, DAMAGE } from './support/damage.ts';
import { sourceOfDamage, twinOfDamage } from './support/damaged-database.ts';
import { detectAtStoring, STORAGE_DAMAGE } from './support/storage-damage.ts';
import { detect } from './support/detect.ts';

describe('a damaged or misleading backup', () => {
  let server: BenchServer;
  let bench: Bench;
  let backup: StoredBackup;
  let twin: StoredBackup;

  beforeAll(async () => {
    server = await openBenchServer();
    bench = openBench(server);
    const role = server.name('role');
    backup = await bench.create({ connectionString: await server.makeDatabase('source', sourceOfDamage(role)) });
    twin = await bench.create({ connectionString: await server.makeDatabase('twin', twinOfDamage(role)) });
  });
  afterAll(async () => {
    await server.close();
    bench.close();
  });

  test('is told from a good one: that one passes at every level', async () => {
    for (const level of ['decode', 'restore', 'exact'] as const) {
      const { failure } = await bench.engine.verify({ backup, level });
      expect(failure).toBeUndefined();
    }
  });

  test.each(DAMAGE)('$name: $foundBy finds it, and exact does', async (damage) => {
    const detection = await detect(damage, { backup, twin, engine: bench.engine, folder: bench.directory });
    expect(detection.exact).toBe(true);
    if (damage.foundBy === 'listing') expect(detection.reason).toBe('listing');
    else expect(cheapest(detection)).toBe(damage.foundBy);
  });

  test.each(STORAGE_DAMAGE)('$name: it is never called good', async (damage) => {
    const connectionString = server.url(server.name('source'));
    const detection = await detectAtStoring(damage, { engine: bench.engine, connectionString });
    expect(detection).toMatchObject({
      exact: true,
      reason: expect.stringMatching(/^(damaged|storage-failed)$/) as unknown,
    });
  });
});
