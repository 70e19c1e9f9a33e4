import type { RunningStart } from './lock.ts';
import type { Settings } from './settings.ts';

/** Where the command looks for the worker by itself. */
const WORKER_PORT = 8002;

export type Address = RunningStart['addresses'][number];

/** Where everything listens. */
export function addresses({ ports, databaseUrl, tracksDatabaseUrl }: Settings, databasePort: number): Address[] {
  const http = (port: number) => `http://127.0.0.1:${port}`;
  const embedded = [databaseUrl === undefined && 'clearway', tracksDatabaseUrl === undefined && 'tracks'].filter(
    Boolean,
  );
  return [
    { name: 'gateway', address: http(ports.gateway), note: 'the public port, routes of clearway.yaml' },
    { name: 'gateway, admin', address: http(ports.admin), note: '/metrics  /api/health  /api/gateway' },
    { name: 'worker', address: http(ports.worker), note: 'operations API, traces: /api/docs' },
    { name: 'tracks-service', address: http(ports.tracks), note: 'the example behind the gateway' },
    ...(embedded.length > 0
      ? [
          {
            name: 'PostgreSQL',
            address: `127.0.0.1:${databasePort}`,
            note: `embedded; databases ${embedded.join(', ')}`,
          },
        ]
      : []),
  ];
}

/** The table of addresses. */
export function renderAddresses(rows: readonly Address[]): string {
  const width = (pick: (row: Address) => string) => Math.max(...rows.map((row) => pick(row).length));
  const [names, places] = [width((row) => row.name), width((row) => row.address)];
  return rows.map((row) => `  ${row.name.padEnd(names)}  ${row.address.padEnd(places)}  ${row.note}`).join('\n');
}

/** The three things to try. `traceId` is of a request that was just made. */
export function renderNextSteps({ ports }: Settings, traceId: string | undefined): string {
  const trace = traceId ?? '<the Trace-Id of the answer>';
  const where = ports.worker === WORKER_PORT ? '' : ` --url http://127.0.0.1:${ports.worker}`;
  return [
    '  Try next',
    `  1  a request    curl -i http://127.0.0.1:${ports.gateway}/v1/tracks`,
    `  2  its trace    npx clearway explain ${trace}${where}`,
    `                  curl http://127.0.0.1:${ports.worker}/api/traces/${trace}`,
    `  3  its metrics  curl -s http://127.0.0.1:${ports.admin}/metrics | grep 'route="tracks"'`,
    ...(traceId === undefined
      ? []
      : [
          '',
          '     The trace is of a request that the start just made; of yours, take the Trace-Id header of the answer.',
        ]),
  ].join('\n');
}

/** What a second start is told. */
export function renderRunning(holder: RunningStart): string {
  const since = new Date(holder.startedAt).toLocaleTimeString();
  const state = holder.ready ? 'is already running' : 'is being started';
  return [
    `Clearway ${state} here: process ${holder.pid}, since ${since}.`,
    ...(holder.addresses.length > 0 ? ['', renderAddresses(holder.addresses)] : []),
    '',
    `  Stop it with Ctrl-C in its terminal, or: kill ${holder.pid}`,
  ].join('\n');
}
