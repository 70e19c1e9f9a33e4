/** How many routes the gateway has, and as many paths are asked for in turn. */
export const ROUTES = 100;

/** The paths that are asked for: one a route. */
export const PATHS: readonly string[] = Array.from({ length: ROUTES }, (_, i) => `/service-${i}/items/4711`);

/** What the upstream answers to one path: a head and a body, which together are the answer. */
export interface Answer {
  readonly head: Buffer;
  readonly body: Buffer;
}

/**
 * The upstream's answers by path. Each names its path, so that an answer to another path is seen; the rest of a large
 * body is shared by all, so that a hundred of them do not fill the memory.
 *
 * @param bodyBytes length of each body
 */
export function answersByPath(bodyBytes: number): ReadonlyMap<string, Answer> {
  const shared = Buffer.alloc(Math.max(0, bodyBytes - 64), 'clearway ');
  return new Map(
    PATHS.map((path) => {
      const start = Buffer.from(
        `{"path":"${path}","items":["`.padEnd(Math.min(bodyBytes, 64), '.').slice(0, bodyBytes),
      );
      const fields = [
        'HTTP/1.1 200 OK',
        'Content-Type: application/json; charset=utf-8',
        `Content-Length: ${start.length + shared.length}`,
        'Cache-Control: no-store',
        `ETag: W/"${path.length}-${bodyBytes}"`,
        'Date: Thu, 01 Jan 2026 00:00:00 GMT',
      ];
      const head = Buffer.concat([Buffer.from(`${fields.join('\r\n')}\r\n\r\n`, 'latin1'), start]);
      // a small answer leaves in one piece, as it does from most servers
      return [
        path,
        shared.length > 16_384
          ? { head, body: shared }
          : { head: Buffer.concat([head, shared]), body: Buffer.alloc(0) },
      ];
    }),
  );
}

/** The request that the generator sends for one path: eight fields, as from a program that calls an API. */
export function requestBytes(path: string, host: string): Buffer {
  return Buffer.from(
    [
      `GET ${path} HTTP/1.1`,
      `Host: ${host}`,
      'Accept: application/json',
      'Accept-Encoding: gzip, br',
      'Accept-Language: en',
      'Authorization: Bearer 0123456789abcdef0123456789abcdef',
      'User-Agent: clearway-benchmark/1.0',
      'X-Client-Version: 4.2.0',
      'Cookie: session=0123456789abcdef',
      '',
      '',
    ].join('\r\n'),
    'latin1',
  );
}
