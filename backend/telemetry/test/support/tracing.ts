import { startTracing, type Tracing, type TracingOptions } from '@clearway/telemetry/tracing';

/** Tracing without instrumentations, to a local receiver. */
export function startTestTracing(options: Partial<TracingOptions> = {}): Tracing {
  return startTracing({
    enabled: true,
    serviceName: 'test-gateway',
    serviceVersion: '1.2.3',
    environment: 'test',
    exporter: 'local',
    instrumentations: 'none',
    onProblem: () => {},
    ...options,
  });
}

/** Sets variables until the returned function is called. */
export function setVariables(variables: Record<string, string>): () => void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}
