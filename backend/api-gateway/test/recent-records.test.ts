import { recentRecordSchema } from '@clearway/contracts';
import { expect, test } from '@jest/globals';
import { createRecentRecords } from '../src/admin/recent-records.ts';
import { openRecord } from './flight-recorder/support.ts';

const KEY = 'sk_live_0123456789abcdefghij0123456789';

test('recent records tell the names of query parameters, and nothing that a query said', () => {
  const records = createRecentRecords(10);
  const record = openRecord({ query: `page=2&token=hunter2&page=3&${KEY}`, path: `/reset/${KEY}`, bytesIn: 5 });
  record.attempts.push({
    spanId: 'a'.repeat(16),
    resendCount: 0,
    target: 'http://127.0.0.1:4000',
    startMs: 1,
    sentMs: 3.5,
    headersMs: 13.5,
    endMs: 18,
    isUploading: false,
    status: 200,
    reason: undefined,
    cause: undefined,
  });
  record.end();
  records.sink(record);
  const [forOperators] = records.list({ limit: 10, showCause: true });
  expect(recentRecordSchema.parse(forOperators)).toEqual(forOperators);
  expect(forOperators).toMatchObject({
    host: 'api.example.com',
    queryNames: ['page', 'token', '[hidden]'],
    client: '192.0.2.1',
    connectMs: 2.5,
    headersMs: 10,
  });
  expect(JSON.stringify(forOperators)).not.toMatch(/hunter2|sk_live/);
  const [forViewers] = records.list({ limit: 10, showCause: false });
  expect(recentRecordSchema.parse(forViewers)).toEqual(forViewers);
  expect(forViewers).not.toHaveProperty('client');
});
