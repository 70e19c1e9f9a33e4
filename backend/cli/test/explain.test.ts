import { afterEach, describe, expect, test } from '@jest/globals';
import { clearway } from './support/context.ts';
import {
  attempt,
  finishedRecord,
  gatewaySpansOf,
  logLine,
  resourceSpans,
  serviceSpan,
  startApi,
  summary,
  TRACE_ID,
} from './support/fake-worker.ts';

const closes: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closes.splice(0)) await close();
});

type Answerer = Parameters<typeof startApi>[0];

/** Runs `clearway explain` against a worker that answers so. */
async function explain(id: string, answer: Answerer, ...more: string[]) {
  const api = await startApi(answer);
  closes.push(api.close);
  const args = ['explain', id, '--url', api.url, '--gateway-url', api.url, '--wait', '0', ...more];
  return clearway(args, { variables: { OPERATIONS_TOKEN: 'viewer-token-0123456789' } });
}

const knows = (trace: object, logs: object = { resourceLogs: [] }): Answerer => {
  return (path) =>
    path === `/api/traces/${TRACE_ID}` ? trace : path === `/api/traces/${TRACE_ID}/logs` ? logs : undefined;
};

const served = finishedRecord((record) => {
  record.attempts.push(attempt());
  record.policies.push({ name: 'rateLimit', startMs: 0.1, durationMs: 0.8, outcome: 'passed' });
});
const sql = (id: string, from: number, to: number) => {
  const attributes = { 'db.query.text': 'SELECT * FROM tracks\n WHERE id = $1', 'db.system.name': 'postgresql' };
  return serviceSpan(
    served,
    { spanId: id, parentSpanId: 'bbbbbbbbbbbbbbb1', name: 'SELECT', kind: 3, attributes },
    from,
    to,
  );
};
const serviceServer = serviceSpan(
  served,
  { spanId: 'bbbbbbbbbbbbbbb1', parentSpanId: 'aaaaaaaaaaaaaaa1', name: 'GET /v1/tracks/:id', kind: 2 },
  4,
  12,
);
const WHOLE = {
  resourceSpans: [
    gatewaySpansOf(served),
    resourceSpans('tracks-service', [sql('ccccccccccccccc1', 5, 9), sql('ccccccccccccccc2', 9, 11), serviceServer]),
  ],
  url: `http://127.0.0.1:16686/trace/${TRACE_ID}`,
};
const LOGS = {
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'tracks-service' } }] },
      scopeLogs: [
        {
          scope: { name: 't' },
          logRecords: [logLine(served, 10, 17, 'cover is missing'), logLine(served, 5, 9, 'listing')],
        },
      ],
    },
  ],
};

describe('the story of a request that was served', () => {
  test('begins with what happened, and says the route and why it was chosen', async () => {
    const { code, out } = await explain(TRACE_ID, knows(WHOLE, LOGS));
    expect(code).toBe(0);
    expect(out.split('\n')[0]).toBe('✓ GET /v1/tracks/7 was answered 200 after 20.0 ms');
    expect(out).toMatch(/route +tracks \(any host, \/v1\/tracks\/:id, any method\)/);
    expect(out).toMatch(/request +order-4711/);
    expect(out).toContain(`http://127.0.0.1:16686/trace/${TRACE_ID}`);
  });

  test('has the phases of each attempt and the policies that waited', async () => {
    const { out } = await explain(TRACE_ID, knows(WHOLE));
    expect(out).toMatch(/1 +http:\/\/127\.0\.0\.1:4000 +200 +2\.00 ms +10\.0 ms +5\.00 ms +17\.0 ms/);
    expect(out).toMatch(/time in +gateway 3\.00 ms, upstream 17\.0 ms/);
    expect(out).toContain('rateLimit: passed after 0.80 ms');
  });

  test('has the spans of all services as a tree, each below its cause', async () => {
    const { out } = await explain(TRACE_ID, knows(WHOLE));
    const tree = out.split('\n').flatMap((line) => /█[·█]* {2}( *\S+: \S+)/.exec(line)?.[1] ?? []);
    expect(tree).toEqual([
      'api-gateway: GET',
      '  api-gateway: policy',
      '  api-gateway: GET',
      '    tracks-service: GET',
      '      tracks-service: SELECT',
      '      tracks-service: SELECT',
    ]);
  });

  test('has each SQL statement once, with how often and how long it ran', async () => {
    const { out } = await explain(TRACE_ID, knows(WHOLE));
    expect(out).toMatch(/6\.00 ms +2 × SELECT \* FROM tracks WHERE id = \$1 +\(tracks-service\)/);
  });

  test('has the log lines in the order of time', async () => {
    const { out } = await explain(TRACE_ID, knows(WHOLE, LOGS));
    expect(out).toMatch(/info +tracks-service: listing {2}track\.id=7\n.*error +tracks-service: cover is missing/);
  });

  test('names what took the longest by itself', async () => {
    const { out } = await explain(TRACE_ID, knows(WHOLE));
    expect(out).toMatch(/longest +GET \(api-gateway\): 9\.00 ms by itself/);
  });

  test('counts time that children spend side by side once', async () => {
    const child = (id: string, from: number, to: number) =>
      serviceSpan(served, { spanId: id, parentSpanId: 'bbbbbbbbbbbbbbb1', name: id, kind: 1 }, from, to);
    const parent = serviceSpan(served, { spanId: 'bbbbbbbbbbbbbbb1', name: 'parent', kind: 1 }, 0, 100);
    const spans = [
      parent,
      child('ccccccccccccccc1', 0, 30),
      child('ccccccccccccccc2', 10, 40),
      child('ccccccccccccccc3', 20, 25),
    ];
    const { out } = await explain(TRACE_ID, knows({ resourceSpans: [resourceSpans('worker', spans)] }));
    expect(out).toMatch(/longest +parent \(worker\): 60\.0 ms by itself/);
  });

  test('is given to scripts as JSON', async () => {
    const { out } = await explain(TRACE_ID, knows(WHOLE, LOGS), '--json');
    const story = JSON.parse(out) as { spans: { parentId?: string }[] };
    expect(story).toMatchObject({
      traceId: TRACE_ID,
      status: 200,
      route: 'tracks',
      attempts: [{ connectionMs: 2, firstByteMs: 10, bodyMs: 5 }],
      statements: [{ times: 2 }],
      logs: [{ message: 'listing' }, { isError: true }],
    });
    expect(story.spans).toHaveLength(6);
  });
});

describe('the story of a request that failed', () => {
  const failed = finishedRecord((record) => {
    const cause = 'connect ECONNREFUSED 127.0.0.1:4001';
    const refused = {
      sentMs: undefined,
      headersMs: undefined,
      status: undefined,
      endMs: 2,
      reason: 'connect_refused',
      cause,
    } as const;
    record.attempts.push(attempt({ ...refused, target: 'http://127.0.0.1:4001' }));
    record.attempts.push(attempt({ ...refused, spanId: 'aaaaaaaaaaaaaaa2', resendCount: 1 }));
    record.status = 502;
    record.fail('connect_refused', cause);
  });

  test('says the class, whose fault it is, the cause and what to do', async () => {
    const { code, out } = await explain(TRACE_ID, knows({ resourceSpans: [gatewaySpansOf(failed)] }));
    expect(code).toBe(0);
    expect(out).toContain('✗ GET /v1/tracks/7 was answered 502 after 20.0 ms: the upstream refused the connection');
    expect(out).toMatch(/reason +connect_refused/);
    expect(out).toMatch(/fault of +the upstream service/);
    expect(out).toMatch(/cause +connect ECONNREFUSED 127\.0\.0\.1:4001/);
    expect(out).toMatch(/what to do +Look at the upstream/);
  });

  test('shows each attempt, with the phases that it did not reach left open', async () => {
    const { out } = await explain(TRACE_ID, knows({ resourceSpans: [gatewaySpansOf(failed)] }));
    expect(out).toMatch(/1 +http:\/\/127\.0\.0\.1:4001 +connect_refused +– +– +– +1\.00 ms/);
    expect(out).toMatch(/2 +http:\/\/127\.0\.0\.1:4000 +connect_refused/);
  });

  test('says that no upstream was asked when none was', async () => {
    const unknown = finishedRecord((record) => {
      Object.assign(record, { route: '_none', routePattern: undefined, upstream: undefined, status: 404 });
      record.fail('route_not_found');
    });
    const { out } = await explain(TRACE_ID, knows({ resourceSpans: [gatewaySpansOf(unknown)] }));
    expect(out).toMatch(/route +none\n/);
    expect(out).toContain('none: no upstream was asked');
    expect(out).toMatch(/fault of +the client/);
  });

  test('says that the client gave up, and how the exceptions of services read', async () => {
    const gone = finishedRecord((record) => {
      record.status = 499;
      record.attempts.push(attempt());
      record.fail('client_abort', 'the client closed the connection');
    });
    const exception = { 'exception.type': 'PrismaClientKnownRequestError', 'exception.message': 'deadlock' };
    const events = [
      {
        name: 'exception',
        timeUnixNano: '1',
        attributes: Object.entries(exception).map(([key, stringValue]) => ({ key, value: { stringValue } })),
      },
    ];
    const span = {
      spanId: 'bbbbbbbbbbbbbbb1',
      parentSpanId: 'aaaaaaaaaaaaaaa1',
      name: 'work',
      kind: 1,
      status: { code: 2 },
      events,
    };
    const trace = {
      resourceSpans: [gatewaySpansOf(gone), resourceSpans('tracks-service', [serviceSpan(gone, span, 3, 4)])],
    };
    const { out } = await explain(TRACE_ID, knows(trace));
    expect(out).toContain('was given up by the client');
    expect(out).toContain('PrismaClientKnownRequestError: deadlock  (tracks-service, work)');
  });
});

describe('odd traces', () => {
  test('of services alone are told by their outermost span', async () => {
    const span = serviceSpan(served, { spanId: 'bbbbbbbbbbbbbbb1', name: 'nightly export', kind: 1 }, 0, 12_345);
    const { out } = await explain(TRACE_ID, knows({ resourceSpans: [resourceSpans('worker', [span])] }));
    expect(out).toContain('nightly export was not answered after 12.3 s');
    expect(out).not.toContain('Attempts');
  });

  test('whose spans form a ring are told all the same', async () => {
    const ring = (id: string, parent: string) =>
      serviceSpan(served, { spanId: id, parentSpanId: parent, name: id, kind: 1 }, 0, 1);
    const spans = [ring('ddddddddddddddd1', 'ddddddddddddddd2'), ring('ddddddddddddddd2', 'ddddddddddddddd1')];
    const { code, out } = await explain(TRACE_ID, knows({ resourceSpans: [resourceSpans('odd', spans)] }));
    expect(code).toBe(0);
    expect(out).toContain('odd: ddddddddddddddd1');
    expect(out).toContain('odd: ddddddddddddddd2');
  });

  test('cannot move the cursor of the terminal', async () => {
    const evil = finishedRecord((record) => {
      record.path = '/\u001b[2J\u001b]0;owned\u0007\u202e';
    });
    const { out } = await explain(TRACE_ID, knows({ resourceSpans: [gatewaySpansOf(evil)] }));
    for (const character of ['\u001b', '\u0007', '\u202e']) expect(out).not.toContain(character);
  });

  test('of thousands of spans are cut, and say so', async () => {
    const spans = Array.from({ length: 500 }, (_, i) =>
      serviceSpan(
        served,
        {
          spanId: (i + 1).toString(16).padStart(16, '0'),
          name: `query ${i}`,
          kind: 3,
          attributes: { 'db.query.text': `SELECT ${i}` },
        },
        i,
        i + 1,
      ),
    );
    const { out } = await explain(TRACE_ID, knows({ resourceSpans: [resourceSpans('busy', spans)] }));
    expect(out).toContain('… 300 more spans: --json has them all');
    expect(out).toContain('… 480 more statements: --json has them all');
  });

  test('with several requests tell the one that was asked for, and name the others', async () => {
    const other = finishedRecord((record) => (record.path = '/v1/posts'), {
      requestId: 'other',
      spanId: '00f067aa0ba902b8',
    });
    const trace = { resourceSpans: [gatewaySpansOf(served, other)] };
    const byRequest: Answerer = (path, url) =>
      path === '/api/traces' && url.searchParams.get('requestId') === 'other'
        ? { traces: [summary(TRACE_ID)] }
        : knows(trace)(path, url);
    const { out } = await explain('other', byRequest);
    expect(out).toContain('GET /v1/posts was answered');
    expect(out).toContain('request order-4711 of the same trace');
  });
});

describe('looking for an id', () => {
  const list = (...ids: string[]): Answerer => {
    return (path, url) => {
      if (path === '/api/traces') return { traces: url.searchParams.has('requestId') ? [] : ids.map(summary) };
      return knows(WHOLE)(path, url);
    };
  };

  test('takes the beginning of a trace id that only one has', async () => {
    expect((await explain('4bf92f35', list(TRACE_ID, 'f'.repeat(32)))).out).toContain('GET /v1/tracks/7');
  });

  test('lists the traces that a beginning could mean', async () => {
    const { code, error } = await explain('4bf9', list(TRACE_ID, `4bf9${'0'.repeat(28)}`));
    expect(code).toBe(1);
    expect(error).toContain('4bf9 could be any of 2 traces');
    expect(error).toContain(TRACE_ID);
  });

  test('takes a whole traceparent', async () => {
    expect((await explain(`00-${TRACE_ID}-00f067aa0ba902b7-01`, knows(WHOLE))).code).toBe(0);
  });

  test('says what to do when nobody knows it', async () => {
    const { code, error } = await explain('nothing', list());
    expect(code).toBe(1);
    expect(error).toContain('No trace is known for nothing');
    expect(error).toContain('Was the trace sampled?');
  });

  test.each([
    [false, 'Its trace was not sampled'],
    [true, 'Its spans were sent but have not arrived'],
  ])('says what the gateway knows of a request whose trace is missing (sampled: %s)', async (sampled, hint) => {
    const record = {
      id: 'order-4711',
      traceId: TRACE_ID,
      time: new Date(0).toISOString(),
      route: 'tracks',
      method: 'GET',
    };
    const rest = {
      path: '/v1/tracks/7',
      status: 200,
      durationMs: 12,
      upstreamMs: 10,
      attempts: 1,
      bytesIn: 0,
      bytesOut: 9,
      sampled,
    };
    const { error } = await explain('order-4711', (path, url) =>
      path === '/api/gateway/records' ? { records: [{ ...record, ...rest }] } : list()(path, url),
    );
    expect(error).toContain('The gateway did serve it: GET /v1/tracks/7 → 200 after 12.0 ms, route tracks');
    expect(error).toContain(hint);
  });

  test('waits for spans that come late', async () => {
    let asked = 0;
    const late: Answerer = (path, url) =>
      path === `/api/traces/${TRACE_ID}` && ++asked < 3 ? undefined : list()(path, url);
    const { code } = await explain(TRACE_ID, late, '--wait', '50');
    expect(code).toBe(0);
    expect(asked).toBe(3);
  });

  test('does not wait for an upstream that sends no spans when the request is long over', async () => {
    const old = finishedRecord((record) => {
      record.attempts.push(attempt());
      Object.assign(record, { startedAtMs: record.startedAtMs - 60_000 });
    });
    const trace = { resourceSpans: [gatewaySpansOf(old)] };
    const startMs = performance.now();
    const { error } = await explain(TRACE_ID, knows(trace), '--wait', '50');
    expect(performance.now() - startMs).toBeLessThan(30_000);
    expect(error).toBe('');
  });

  test('says that spans may be missing when they did not come in time', async () => {
    const { error } = await explain(TRACE_ID, knows({ resourceSpans: [gatewaySpansOf(served)] }));
    expect(error).toContain('Some spans may still be missing');
  });
});

describe('a worker that cannot be asked', () => {
  test('is named, with what to do', async () => {
    const gone = await startApi(() => undefined);
    await gone.close();
    const { code, error } = await clearway(['explain', TRACE_ID, '--url', gone.url, '--wait', '0']);
    expect(code).toBe(1);
    expect(error).toContain(`the worker at ${gone.url} cannot be reached (ECONNREFUSED): start it with npm start`);
  });

  test('is shown the token, and nobody else is', async () => {
    let presented: string | undefined;
    const refuse: Answerer = () => (req, res) => {
      presented = req.headers.authorization;
      res.writeHead(401).end();
    };
    const { code, out, error } = await explain(TRACE_ID, refuse);
    expect(code).toBe(1);
    expect(presented).toBe('Bearer viewer-token-0123456789');
    expect(error).toContain('OPERATIONS_TOKEN is not one of its tokens');
    expect(out + error).not.toContain('viewer-token');
  });

  test('is not followed elsewhere with the token', async () => {
    let isAsked = false;
    const elsewhere = await startApi(() => {
      isAsked = true;
      return WHOLE;
    });
    closes.push(elsewhere.close);
    const redirect: Answerer = (path) => (_req, res) => res.writeHead(302, { location: elsewhere.url + path }).end();
    expect((await explain(TRACE_ID, redirect)).code).toBe(1);
    expect(isAsked).toBe(false);
  });

  test('that answers something else is not taken for one', async () => {
    expect((await explain(TRACE_ID, () => ({ hello: 'world' }))).error).toContain('is not the worker of this version');
    const broken: Answerer = () => (_req, res) => res.writeHead(500).end();
    expect((await explain(TRACE_ID, broken)).error).toContain('answered 500');
  });

  test.each([
    ['--url', 'localhost:8002'],
    ['--wait', 'long'],
  ])('because of a wrong %s is a fault of the command line', async (option, value) => {
    expect((await clearway(['explain', TRACE_ID, option, value])).code).toBe(64);
  });
});
