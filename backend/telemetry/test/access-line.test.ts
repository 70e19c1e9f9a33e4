import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import Transport from 'winston-transport';
import { accessLog, createLogger, type Logs, type LogLevel, type RequestRecord } from '@clearway/telemetry';
import { isoTime } from '../src/logs/iso-time.ts';
import { generateRecord, pick, seeded } from './support/generated-records.ts';
import { makeRecord } from './support/records.ts';
import { readAll } from './support/read-all.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

/** Somebody's own transport: the line has to go through winston then. */
class Collector extends Transport {
  readonly lines: Record<string, unknown>[] = [];

  override log(info: Record<string, unknown>, next: () => void): void {
    this.lines.push(info);
    next();
  }
}

interface Options {
  readonly winston?: boolean;
  readonly level?: LogLevel;
  readonly pretty?: boolean;
}

function setUp({ winston = false, level = 'debug', pretty = false }: Options = {}) {
  const stream = new PassThrough({ highWaterMark: 8 * 1024 * 1024 });
  const logs = createLogger({ service: 'g "1"', stream, level, pretty });
  const collector = new Collector();
  if (winston) logs.logger.add(collector);
  const text = async (): Promise<string> => {
    await logs.close(1000);
    return readAll(stream);
  };
  return { logs, collector, text };
}

/** What both ways write of the same records, without the time. */
async function bothWays(records: readonly RequestRecord[], phase: boolean): Promise<[string[], string[]]> {
  const written = async (winston: boolean): Promise<string[]> => {
    const { logs, text } = setUp({ winston });
    const sink = accessLog(logs, { phase });
    for (const record of records) sink(record);
    return (await text()).trim().split('\n').map(withoutTime);
  };
  return [await written(false), await written(true)];
}

const withoutTime = (line: string): string =>
  line.replace(/^\{"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",/, '{');

const NASTY = [
  'a"b\\c',
  'line\r\nbreak\t\u0000\u001b[2K\u007f\u0085',
  '\u2028\u2029',
  'größe 你好 🎵',
  '\ud800 alone',
  '\udc00',
  '',
  '"}\n{"level":"error"',
  'token=abcdef0123456789',
  'Bearer abcdefgh',
];

describe('the line that is written past winston', () => {
  test.each([true, false])('is the one that winston writes, for any request (phase: %s)', async (phase) => {
    const random = seeded(11);
    const records = Array.from({ length: 2000 }, () => generateRecord(random));
    const [direct, reference] = await bothWays(records, phase);
    expect(direct).toHaveLength(2000);
    expect(direct).toEqual(reference);
    for (const line of direct) expect(JSON.parse(line)).toMatchObject({ message: 'request', service: 'g "1"' });
  });

  test('also when a text cannot stand in JSON as it is', async () => {
    const random = seeded(12);
    const fields = ['path', 'cause', 'route', 'upstream', 'requestId', 'method', 'clientAddress', 'traceId', 'spanId'];
    const records = fields.flatMap((field) =>
      NASTY.map((text) => generateRecord(random, { [field]: `${pick(random, ['', '/v1/'])}${text}` })),
    );
    const [direct, reference] = await bothWays(records, true);
    expect(direct).toHaveLength(fields.length * NASTY.length);
    expect(direct).toEqual(reference);
    const free = direct.slice(0, 2 * NASTY.length).join('\n');
    expect(free.match(/\[hidden\]/g)).toHaveLength(4);
    expect(free).not.toMatch(/abcdefgh|abcdef0123456789/);
  });

  test('also when a number is none, or out of all bounds', async () => {
    const random = seeded(13);
    const numbers = [NaN, Infinity, -Infinity, -0, 0, -1.5, 0.0004, 0.0005, 1.9996, 999.9995, 1e9, 1e21, 12_345.6789];
    const fields = ['durationMs', 'bytesIn', 'bytesOut', 'status'];
    const records = fields.flatMap((field) => numbers.map((number) => generateRecord(random, { [field]: number })));
    const [direct, reference] = await bothWays(records, true);
    expect(direct).toEqual(reference);
  });
});

describe('winston is passed by only where nobody would notice', () => {
  const spied = (logs: Logs) => jest.spyOn(logs.logger, 'log');

  test('in JSON', async () => {
    const { logs, text } = setUp();
    const log = spied(logs);
    accessLog(logs)(makeRecord());
    expect(log).not.toHaveBeenCalled();
    expect(await text()).toContain('"message":"request"');
  });

  test('not in the pretty layout', async () => {
    const { logs, text } = setUp({ pretty: true });
    accessLog(logs)(makeRecord());
    expect(await text()).toMatch(/ info {2}request .*route=tracks/);
  });

  test('not while somebody’s own transport wants the line', async () => {
    const { logs, collector, text } = setUp({ winston: true });
    const sink = accessLog(logs);
    sink(makeRecord());
    logs.logger.remove(collector);
    const log = spied(logs);
    sink(makeRecord());
    expect(collector.lines).toHaveLength(1);
    expect(log).not.toHaveBeenCalled();
    expect((await text()).trim().split('\n')).toHaveLength(2);
  });

  test('not while somebody listens to the logger', () => {
    const { logs } = setUp();
    const heard: unknown[] = [];
    logs.logger.on('data', (info: unknown) => heard.push(info));
    accessLog(logs)(makeRecord());
    expect(heard).toHaveLength(1);
  });

  test('a level that is changed applies to the next line', async () => {
    const { logs, text } = setUp({ level: 'warn' });
    const sink = accessLog(logs);
    sink(makeRecord({ requestId: 'off' }));
    logs.setLevel('info');
    sink(makeRecord({ requestId: 'on' }));
    logs.setLevel('error');
    sink(makeRecord({ requestId: 'off-again' }));
    expect((await text()).match(/"request_id":"[^"]+"/g)).toEqual(['"request_id":"on"']);
  });

  test('nothing is written by a logger that was silenced', async () => {
    const { logs, text } = setUp();
    logs.logger.silent = true;
    accessLog(logs)(makeRecord());
    expect(await text()).toBe('');
  });

  test('lines keep their order with those of the application', async () => {
    const { logs, text } = setUp();
    logs.logger.info('before');
    await new Promise((resolve) => setImmediate(resolve));
    logs.logger.info('just before');
    accessLog(logs)(makeRecord());
    logs.logger.info('after');
    const messages = (await text()).match(/"message":"[^"]+"/g);
    expect(messages).toEqual(['before', 'just before', 'request', 'after'].map((message) => `"message":"${message}"`));
  });
});

test('the time is that of toISOString, also when the clock is set back', () => {
  const random = seeded(14);
  let ms = Date.UTC(2026, 1, 28, 23, 59, 57);
  for (let step = 0; step < 5000; step++) {
    ms += Math.floor(random() * pick(random, [2, 300, -5000, 1500]));
    expect(isoTime(ms)).toBe(new Date(ms).toISOString());
  }
  for (const odd of [0, -1, -1000, 253_402_300_799_999]) expect(isoTime(odd)).toBe(new Date(odd).toISOString());
});
