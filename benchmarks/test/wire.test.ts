import { describe, expect, test } from '@jest/globals';
import { AnswerReader } from '../overhead/answer-reader.ts';
import { answersByPath, PATHS, requestBytes } from '../overhead/answers.ts';
import { countSpans } from '../overhead/span-count.ts';
import { readWrk, wrkScript } from '../overhead/wrk.ts';

/** A length-delimited protobuf field. */
function field(number: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length = body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), body]);
}

describe('what is sent and received', () => {
  test.each([113, 4096, 1_048_576])('answers of %i bytes have that length, and no two paths have the same', (bytes) => {
    const answers = [...answersByPath(bytes).values()].map(({ head, body }) => Buffer.concat([head, body]));
    expect(new Set(answers.slice(0, 12).map((answer) => answer.toString('latin1'))).size).toBe(12);
    const reader = new AnswerReader(bytes);
    expect(answers.slice(0, 3).map((answer) => reader.take(answer))).toEqual(['complete', 'complete', 'complete']);
  });

  test('reads an answer however it is cut', () => {
    const answer = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 5\r\nA: b\r\n\r\nhello');
    for (let cut = 1; cut < answer.length; cut++) {
      const reader = new AnswerReader(5);
      expect(reader.take(answer.subarray(0, cut))).toBeUndefined();
      expect(reader.take(answer.subarray(cut))).toBe('complete');
    }
  });

  test.each([
    ['HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nhello', 'bad-status'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhell', 'bad-length'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'bad-length'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, more', 'bad-length'],
  ])('takes %j for an error', (answer, event) => {
    expect(new AnswerReader(5).take(Buffer.from(answer))).toBe(event);
  });

  test('counts spans over resources and scopes, past fields of other types', () => {
    const span = field(2, Buffer.alloc(200));
    const schemaUrl = field(3, Buffer.from('https://example.com'));
    const droppedCount = Buffer.from([(7 << 3) | 0, 0x96, 0x01]);
    const scope = field(2, field(1, Buffer.from('name')), span, span, droppedCount);
    const resource = field(1, field(1, Buffer.from('resource')), scope, scope, schemaUrl);
    expect(countSpans(Buffer.concat([resource, resource]))).toBe(8);
    expect(countSpans(Buffer.alloc(0))).toBe(0);
    expect(() => countSpans(resource.subarray(0, resource.length - 3))).toThrow('breaks off');
  });

  test('reads what wrk prints', () => {
    const output = [
      '  Thread Stats   Avg      Stdev     Max   +/- Stdev',
      '    Latency     3.32ms  614.09us  16.62ms   92.18%',
      '  Latency Distribution',
      '     50%  500.00us',
      '     75%    3.40ms',
      '     90%    3.60ms',
      '     99%    1.20s',
      '  58012 requests in 3.00s, 21.91MB read',
      '  Socket errors: connect 0, read 2, write 0, timeout 1',
      '  Non-2xx or 3xx responses: 4',
      'Requests/sec:  19303.33',
    ].join('\n');
    expect(readWrk(output)).toMatchObject({ requests: 58012, elapsedSeconds: 3, p50Ms: 0.5, p99Ms: 1200, errors: 7 });
    expect(() => readWrk('unable to connect')).toThrow('wrk did not print');
  });

  test('gives wrk the paths and fields that the other generator sends', () => {
    const script = wrkScript(PATHS, requestBytes('/', '127.0.0.1:1').toString('latin1'));
    expect(script).toContain('["User-Agent"] = "clearway-benchmark/1.0"');
    expect(script).toContain(`"${PATHS[99]}"`);
    expect(script).not.toContain('GET /');
  });
});
