import { describe, expect, test } from '@jest/globals';
import { databasesSchema } from '../src/index.ts';

const URL = 'postgresql://watcher:secret@db.example.com:5432/shop';
const messages = (input: unknown): string[] => {
  const { error } = databasesSchema.safeParse(input);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
};

describe('the section databases', () => {
  test('has the thresholds of the guide unless they are set', () => {
    const [database] = databasesSchema.parse([{ id: 'shop', url: URL, thresholds: { size: { warningPercent: 70 } } }]);
    expect(database).toMatchObject({ quickSeconds: 15, fullSeconds: 900 });
    expect(database?.thresholds).toEqual({
      connections: { warningPercent: 80, criticalPercent: 95, forSeconds: 300 },
      queryTime: { warningMs: 500, criticalMs: 2000, minimumCalls: 5, forSeconds: 0 },
      size: { warningPercent: 70, criticalPercent: 95, forSeconds: 0 },
      errorRate: { warningPercent: 5, criticalPercent: 10, forSeconds: 300 },
      cpu: { warningPercent: 80, criticalPercent: 90, forSeconds: 300 },
      memory: { warningPercent: 85, criticalPercent: 95, forSeconds: 300 },
      lockWait: { warningSeconds: 30, criticalSeconds: 300, forSeconds: 0 },
      idleInTransaction: { warningSeconds: 60, criticalSeconds: 600, forSeconds: 0 },
      deadlocks: { warningPerMinute: 1, criticalPerMinute: 10, forSeconds: 0 },
      sequentialReads: { warningRowsPerSecond: 200_000, criticalRowsPerSecond: 2_000_000, forSeconds: 30 },
      wraparound: { warningPercent: 85, criticalPercent: 95, forSeconds: 0 },
      sequences: { warningPercent: 85, criticalPercent: 95, forSeconds: 0 },
      replicationLag: { warningSeconds: 30, criticalSeconds: 3600, forSeconds: 0 },
    });
  });

  test('takes embedded databases, and its own without a URL', () => {
    expect(messages([{ id: 'clearway' }, { id: 'tracks', url: 'embedded:tracks' }])).toEqual([]);
    expect(messages([{ id: 'shop' }])).toEqual(['0.url: is missing']);
  });

  test.each([
    ['shop.example.com', 'not the URL of a PostgreSQL database'],
    ['mysql://shop', 'not the URL of a PostgreSQL database'],
    ['postgresql://watcher@db.example.com:5432', 'names no database'],
    ['postgresql://watcher@db.example.com:5432/', 'names no database'],
  ])('refuses the URL %s', (url, message) => {
    expect(messages([{ id: 'shop', url }])).toEqual([`0.url: ${message}`]);
  });

  test('refuses an id twice, thresholds the wrong way round, and a source that is asked for nothing', () => {
    const promql = { from: 'promql', url: 'http://prometheus:9090' };
    const [first, ...rest] = [
      { id: 'shop', url: URL, thresholds: { lockWait: { warningSeconds: 400 } } },
      { id: 'shop', url: URL, resources: promql },
    ];
    expect(messages([first])).toEqual(['0.thresholds.lockWait: is critical before it is a warning']);
    expect(messages(rest)).toEqual(['0.resources: asks for nothing']);
    expect(
      messages([
        { id: 'shop', url: URL },
        { id: 'shop', url: URL },
      ]),
    ).toEqual(["1.id: 'shop' is taken"]);
  });
});
