import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A source of figures that answers as the real one does, and refuses what that refuses. */
export interface FigureSource {
  readonly origin: string;
  /** Paths that were asked for. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

type Answer = (req: IncomingMessage, url: URL, res: ServerResponse) => void;

async function serve(answer: Answer): Promise<FigureSource> {
  const asked: string[] = [];
  const server: Server = createServer((req, res) => {
    asked.push(req.url ?? '');
    answer(req, new URL(req.url ?? '', 'http://source'), res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function json(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Supabase's metrics endpoint: node exporter figures of the database's machine and of others, by basic authentication. */
export function startSupabase(
  key: string,
  figures: { busySeconds: number; idleSeconds: number },
): Promise<FigureSource> {
  const right = `Basic ${Buffer.from(`service_role:${key}`).toString('base64')}`;
  return serve((req, url, res) => {
    if (url.pathname !== '/customer/v1/privileged/metrics') return void res.writeHead(404).end('no Route matched');
    if (req.headers.authorization !== right) {
      return void res.writeHead(401, { 'www-authenticate': 'Basic realm="service"' }).end('Unauthorized');
    }
    const labels =
      'supabase_project_ref="abcdefghijklmnopqrst",supabase_identifier="abcdefghijklmnopqrst",service_type="db"';
    const lines = [
      '# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.',
      '# TYPE node_cpu_seconds_total counter',
      ...['0', '1'].flatMap((cpu) => [
        `node_cpu_seconds_total{${labels},cpu="${cpu}",mode="idle"} ${figures.idleSeconds}`,
        `node_cpu_seconds_total{${labels},cpu="${cpu}",mode="iowait"} 0`,
        `node_cpu_seconds_total{${labels},cpu="${cpu}",mode="user"} ${figures.busySeconds}`,
        `node_cpu_guest_seconds_total{${labels},cpu="${cpu}",mode="user"} 99999`,
      ]),
      `node_cpu_seconds_total{${labels.replace('"db"', '"gotrue"')},cpu="0",mode="user"} 1e9`,
      `node_memory_MemTotal_bytes{${labels}} 1e+09`,
      `node_memory_MemAvailable_bytes{${labels}} 2.5e+08`,
      '',
    ];
    res.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(lines.join('\n'));
  });
}

/** What Neon says of a compute and its branch. */
export interface NeonFigures {
  state: 'active' | 'idle';
  smallest: number;
  largest: number;
  computeSeconds: number;
  activeSeconds: number;
}

/** Neon's API: an endpoint and its branch, by bearer token, errors with code and message. */
export function startNeon(apiKey: string, figures: NeonFigures): Promise<FigureSource> {
  return serve((req, url, res) => {
    const refuse = (status: number, message: string): void =>
      json(res, status, { request_id: 'r-1', code: '', message });
    if (req.headers.authorization !== `Bearer ${apiKey}`)
      return refuse(401, 'supplied credentials do not pass authentication');
    const [, project, kind, id] =
      /^\/api\/v2\/projects\/([^/]+)\/(endpoints|branches)\/([^/]+)$/.exec(url.pathname) ?? [];
    if (project !== 'cool-name-123456') return refuse(404, 'project not found');
    if (kind === 'endpoints' && id === 'ep-cool-name-123456') {
      const { state, smallest, largest } = figures;
      const endpoint = { id, branch_id: 'br-1', current_state: state, pg_settings: {} };
      return json(res, 200, {
        endpoint: { ...endpoint, autoscaling_limit_min_cu: smallest, autoscaling_limit_max_cu: largest },
      });
    }
    if (kind === 'branches' && id === 'br-1') {
      const { computeSeconds, activeSeconds } = figures;
      const times = { compute_time_seconds: computeSeconds, active_time_seconds: activeSeconds, cpu_used_sec: 1 };
      return json(res, 200, { branch: { id, name: 'main', ...times } });
    }
    refuse(404, `${kind} not found`);
  });
}

/** Prometheus' query API: answers a few known queries, refuses others as the real one does. */
export function startPrometheus(answers: Readonly<Record<string, object>>, token?: string): Promise<FigureSource> {
  return serve((req, url, res) => {
    if (token !== undefined && req.headers.authorization !== `Bearer ${token}`) {
      return void res.writeHead(401).end('Unauthorized');
    }
    if (url.pathname !== '/api/v1/query') return void res.writeHead(404).end('404 page not found');
    const query = url.searchParams.get('query') ?? '';
    const isBalanced = (query.match(/\(/g) ?? []).length === (query.match(/\)/g) ?? []).length;
    if (query === '' || !isBalanced) {
      const error = `invalid parameter "query": ${query.length}:1: parse error: unexpected end of input`;
      return json(res, 400, { status: 'error', errorType: 'bad_data', error });
    }
    const data = answers[query];
    if (data) return json(res, 200, { status: 'success', data });
    json(res, 200, { status: 'success', data: { resultType: 'vector', result: [] } });
  });
}

/** Answers with anything. */
export function startAnything(answer: Answer): Promise<FigureSource> {
  return serve(answer);
}
