import { describe, expect, test } from '@jest/globals';
import { describeEnvironment, readEnvironment } from '@clearway/kernel';
import { otlpLogsTarget, telemetryEnvironment, tracingOptions } from '@clearway/telemetry';
import { standardVariables } from '../src/config/standard-variables.ts';

const read = (variables: Record<string, string>) => readEnvironment(telemetryEnvironment, { variables });

test('works with nothing set: traces to the local worker, no error tracker, JSON or pretty by the output', () => {
  expect(read({})).toMatchObject({
    OTEL_ENABLED: true,
    OTEL_EXPORTER: 'local',
    OTEL_LOCAL_URL: 'http://127.0.0.1:8002',
    TRACE_SAMPLE_RATIO: 1,
    LOG_LEVEL: 'info',
    LOG_FORMAT: 'auto',
    SENTRY_TRACES: false,
  });
});

test('every variable is described, and what is secret says so', () => {
  const described = describeEnvironment(telemetryEnvironment);
  expect(described.filter(({ secret }) => secret).map(({ name }) => name)).toEqual([
    'OTEL_EXPORTER_OTLP_HEADERS',
    'SENTRY_DSN',
  ]);
});

test('becomes tracing options', () => {
  const env = read({
    OTEL_SERVICE_NAME: 'edge',
    OTEL_EXPORTER: 'zipkin',
    SENTRY_DSN: 'https://k@o1.ingest.sentry.io/2',
  });
  expect(tracingOptions(env, { serviceName: 'g', serviceVersion: '1', instrumentations: 'none' })).toMatchObject({
    serviceName: 'edge',
    exporter: 'zipkin',
    sentryHost: 'o1.ingest.sentry.io',
    zipkinEndpoint: 'http://127.0.0.1:9411/api/v2/spans',
  });
  const unnamed = tracingOptions(read({}), { serviceName: 'g', serviceVersion: '1', instrumentations: 'none' });
  expect(unnamed).toMatchObject({ serviceName: 'g', sentryHost: undefined });
});

test.each([
  ['https://key@o1.ingest.sentry.io/2', true],
  ['http://key:secret@127.0.0.1:9000/prefix/42', true],
  ['https://o1.ingest.sentry.io/2', false],
  ['https://key@o1.ingest.sentry.io', false],
])('the DSN %s is usable: %s', (dsn, usable) => {
  if (usable) expect(read({ SENTRY_DSN: dsn }).SENTRY_DSN).toBe(dsn);
  else expect(() => read({ SENTRY_DSN: dsn })).toThrow('not a Sentry DSN');
});

describe('log lines go by OTLP', () => {
  test.each([
    [{}, { url: 'http://127.0.0.1:8002/v1/logs' }],
    [{ OTEL_EXPORTER: 'otlp' }, { url: undefined }],
    [{ OTEL_EXPORTER: 'jaeger' }, undefined],
    [{ OTEL_ENABLED: 'false' }, undefined],
  ])('with %j to %j', (variables, target) => expect(otlpLogsTarget(read(variables))).toEqual(target));
});

test('reads the standard variables, and takes what is no number as unset', () => {
  expect(
    standardVariables({
      OTEL_SDK_DISABLED: 'TRUE',
      OTEL_TRACES_SAMPLER: 'always_on',
      OTEL_BSP_MAX_QUEUE_SIZE: '7',
      OTEL_BSP_SCHEDULE_DELAY: 'soon',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://b/v1/traces',
    }),
  ).toMatchObject({
    disabled: true,
    samplerNamed: true,
    batch: { queueSize: 7, delayMs: undefined },
    otlpEndpoint: 'http://b/v1/traces',
  });
});
