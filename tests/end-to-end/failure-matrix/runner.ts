import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../../receivers/index.ts';
import { readOpenMetrics, type Sample } from '../support/open-metrics.ts';
import { startProcess, type LogLine, type RunningProcess } from '../support/processes.ts';
import { head, type FailureCase, type FailureGroup } from './case.ts';
import { rawClient, type RawClient, type Received } from '../support/raw-client.ts';
import { openServers, type Servers } from '../support/servers.ts';

/** Everything that the gateway said about one failed request. */
export interface FailureSignals {
  readonly received: Received;
  /** Access-log lines that name a failure. */
  readonly lines: readonly LogLine[];
  readonly server: ReceivedSpan;
  readonly attempts: readonly ReceivedSpan[];
  /** What `clearway_requests_total` grew by, of failed requests. */
  readonly requests: readonly Sample[];
  /** What `clearway_attempts_total` grew by. */
  readonly counted: readonly Sample[];
}

/** A real gateway process with a route and an upstream for each case of a group. */
export interface FailureMatrix {
  run(failure: FailureCase): Promise<FailureSignals>;
  /** The id of a case's route. */
  routeOf(failure: FailureCase): string;
  stop(): Promise<void>;
}

const SCHEDULE_MS = 10;

/** Starts it, with all upstreams of the group. */
export async function startMatrix(group: FailureGroup): Promise<FailureMatrix> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-failures-'));
  const servers = openServers();
  const otlp = await startOtlpReceiver();
  const file = path.join(folder, 'clearway.yaml');
  writeFileSync(file, JSON.stringify(await configurationOf(group, servers)));
  const gateway = startProcess('backend/api-gateway/dist/index.js', {
    OTEL_EXPORTER: 'local',
    OTEL_LOCAL_URL: otlp.url,
    OTEL_BSP_SCHEDULE_DELAY: String(SCHEDULE_MS),
    GATEWAY_PORT: '0',
    ADMIN_PORT: '0',
    CLEARWAY_CONFIG: file,
    ...group.variables,
  });
  const ready = await gateway.waitForLine((line) => line['message'] === 'gateway ready');
  const client = rawClient(Number(ready['port']));
  const admin = `http://127.0.0.1:${Number(ready['admin_port'])}`;
  const routeOf = (failure: FailureCase): string => `case-${group.cases.indexOf(failure)}`;
  let counts = await scrape(admin);
  return {
    routeOf,
    async run(failure) {
      const before = counts;
      const seen = await run(failure, { client, gateway, otlp, path: `/${routeOf(failure)}` });
      counts = await scrape(admin);
      return { ...seen, ...growth(before, counts) };
    },
    async stop() {
      await gateway.stop();
      await Promise.all([otlp.close(), servers.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function configurationOf({ cases, server, sections }: FailureGroup, servers: Servers): Promise<object> {
  const upstreams: Record<string, object> = {};
  const routes: object[] = [];
  for (const [i, { upstream, route, isRouted = true }] of cases.entries()) {
    const id = `case-${i}`;
    upstreams[id] = (await upstream?.(servers)) ?? { targets: [{ url: await servers.closed() }] };
    const match = { path: isRouted ? `/${id}/*` : `/${id}/elsewhere` };
    routes.push({ id, upstream: id, match, ...route });
  }
  return { version: 1, upstreams, routes, ...(server && { server }), ...(await sections?.(servers)) };
}

interface Running {
  readonly client: RawClient;
  readonly gateway: RunningProcess;
  readonly otlp: OtlpReceiver;
  readonly path: string;
}

async function run(
  failure: FailureCase,
  { client, gateway, otlp, path }: Running,
): Promise<Omit<FailureSignals, 'requests' | 'counted'>> {
  const firstLine = gateway.lines.length;
  const received = failure.request
    ? await failure.request(client, path)
    : await client.send(head(`GET ${path}`, 'Connection: close'));
  const isFailed = (line: LogLine): boolean => line['message'] === 'request' && typeof line['reason'] === 'string';
  const isNew = (line: LogLine): boolean => isFailed(line) && gateway.lines.indexOf(line) >= firstLine;
  const traceId = (await gateway.waitForLine(isNew))['trace_id'];
  const spans = () => otlp.spans().filter((span) => span.traceId === traceId);
  const server = await otlp.waitFor(() => spans().find(({ kind }) => kind === 'server'));
  return {
    received,
    lines: gateway.lines.slice(firstLine).filter(isFailed),
    server,
    attempts: spans().filter(({ kind }) => kind === 'client'),
  };
}

async function scrape(admin: string): Promise<readonly Sample[]> {
  return readOpenMetrics(await (await fetch(`${admin}/metrics`)).text());
}

function growth(before: readonly Sample[], after: readonly Sample[]): Pick<FailureSignals, 'requests' | 'counted'> {
  const key = ({ name, labels }: Sample): string => `${name} ${JSON.stringify(labels)}`;
  const old = new Map(before.map((sample) => [key(sample), sample.value]));
  const grown = after.map((sample) => ({ ...sample, value: sample.value - (old.get(key(sample)) ?? 0) }));
  const of = (name: string) => grown.filter((sample) => sample.name === name && sample.value > 0);
  return {
    requests: of('clearway_requests_total').filter(({ labels }) => labels['reason'] !== 'none'),
    counted: of('clearway_attempts_total'),
  };
}
