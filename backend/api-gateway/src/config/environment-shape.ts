import { flag, integer, operationsTokens, port, url, variable } from '@clearway/kernel';
import { telemetryEnvironment } from '@clearway/telemetry/environment';
import { z } from 'zod';

const text = () => z.string();

/** Every variable that the gateway reads. */
export const gatewayEnvironment = {
  GATEWAY_HOST: variable(text().default('127.0.0.1'), 'Address of the public listener.', { section: 'Gateway' }),
  GATEWAY_PORT: variable(port().default(8000), 'Public port.', { section: 'Gateway' }),
  ADMIN_HOST: variable(
    text().default('127.0.0.1'),
    'Address of the admin listener; beyond loopback only with OPERATIONS_TOKENS.',
    { section: 'Gateway' },
  ),
  ADMIN_PORT: variable(port().default(8001), 'Port of the admin listener: metrics, health, configuration.', {
    section: 'Gateway',
  }),
  CLEARWAY_CONFIG: variable(text().default('clearway.yaml'), 'The configuration file.', { section: 'Gateway' }),
  RECENT_RECORDS: variable(integer(0, 100_000).default(1000), 'Recent requests that the admin listener remembers.', {
    section: 'Gateway',
  }),
  DRAIN_DELAY_MS: variable(
    integer(0, 86_400_000).optional(),
    'At the end not ready, but still accepting for so long, in milliseconds; instead of server.drain.delayMs.',
    { section: 'Gateway', example: '5000' },
  ),
  DRAIN_LIMIT_MS: variable(
    integer(1, 86_400_000).optional(),
    'For open requests to finish at the end, in milliseconds; instead of server.drain.limitMs.',
    { section: 'Gateway', example: '20000' },
  ),
  DATA_DIRECTORY: variable(text().default('.data'), 'Where data is kept; of the gateway, its flight recorder.', {
    section: 'Gateway',
  }),
  FLIGHT_RECORDER: variable(
    flag().default(true),
    'Whether the gateway keeps its last requests where they outlive it, for GET /api/gateway/last-words.',
    { section: 'Gateway' },
  ),
  EVENT_LOOP_BLOCKED_MS: variable(
    integer(0, 600_000).default(500),
    'An event loop that stands still for so long is blocked: its stack is taken, in milliseconds; 0 for never.',
    { section: 'Gateway' },
  ),
  OPERATIONS_TOKENS: variable(operationsTokens().default([]), 'Tokens of the operations listeners.', {
    section: 'Operations',
    example: 'viewer:at-least-16-characters,operator:at-least-16-characters',
    secret: true,
  }),
  DATABASE_URL: variable(url('postgresql', 'postgres').optional(), 'PostgreSQL; embedded by npm start when unset.', {
    section: 'Services',
    example: 'postgresql://user:password@127.0.0.1:5432/clearway',
    secret: true,
  }),
  REDIS_URL: variable(url('redis', 'rediss').optional(), 'Redis or Valkey: limits are counted over all gateways.', {
    section: 'Services',
    example: 'redis://127.0.0.1:6379',
    secret: true,
  }),
  CLEARWAY_COMMIT: variable(text().default('unknown'), 'Commit that was built, for clearway_build_info.', {
    section: 'Process',
  }),
  ...telemetryEnvironment,
};
