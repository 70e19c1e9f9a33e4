import { integer, list, operationsTokens, port, url, variable } from '@clearway/kernel';
import { backupEnvironment } from '@clearway/backups/environment';
import { telemetryEnvironment } from '@clearway/telemetry/environment';
import { z } from 'zod';
import { reportTokens } from './report-tokens.ts';

const text = () => z.string();

/** Every variable that the worker reads. */
export const workerEnvironment = {
  WORKER_HOST: variable(
    text().default('127.0.0.1'),
    'Address of the operations API; beyond loopback only with OPERATIONS_TOKENS.',
    { section: 'Worker' },
  ),
  WORKER_PORT: variable(port().default(8002), 'Port of the operations API and of the OTLP receiver.', {
    section: 'Worker',
  }),
  DATA_DIRECTORY: variable(text().default('.data'), 'Where the database and the traces are kept.', {
    section: 'Worker',
  }),
  TRACE_STORE_MEGABYTES: variable(
    integer(4, 1_048_576).default(256),
    'Megabytes on disk that recent traces may take; failed and slow ones are kept the longest.',
    { section: 'Worker' },
  ),
  SHUTDOWN_LIMIT_SECONDS: variable(integer(1, 600).default(10), 'How long requests under way may take at the end.', {
    section: 'Worker',
  }),
  GATEWAY_ADMIN_URLS: variable(
    list()
      .pipe(z.array(z.url({ protocol: /^https?$/ })).max(100))
      .optional(),
    'Admin listeners of the gateways, separated by commas, for figures of routes; the one at ADMIN_PORT unless it is set.',
    { section: 'Worker', example: 'http://10.0.0.1:8001,http://10.0.0.2:8001' },
  ),
  ADMIN_PORT: variable(port().default(8001), 'Port of the admin listener: metrics, health, configuration.', {
    section: 'Gateway',
  }),
  CLEARWAY_CONFIG: variable(
    text().optional(),
    'The configuration file; clearway.yaml of the working directory unless it is set.',
    { section: 'Worker', example: 'clearway.yaml' },
  ),
  CRON_SECRET: variable(
    text().min(16).optional(),
    'Secret with which schedulers from outside may call /api/cron/*; nobody may without it.',
    { section: 'Operations', example: 'at-least-16-characters', secret: true },
  ),
  OPERATIONS_TOKENS: variable(operationsTokens().default([]), 'Tokens of the operations listeners.', {
    section: 'Operations',
    example: 'viewer:at-least-16-characters,operator:at-least-16-characters',
    secret: true,
  }),
  JOB_REPORT_TOKENS: variable(
    reportTokens().default([]),
    'Tokens that can do nothing but report runs of one job each, for crontabs and other machines.',
    { section: 'Operations', example: 'nightly-import:at-least-16-characters', secret: true },
  ),
  DATABASE_URL: variable(url('postgresql', 'postgres'), 'PostgreSQL; embedded by npm start when unset.', {
    section: 'Services',
    example: 'postgresql://user:password@127.0.0.1:5432/clearway',
    secret: true,
  }),
  ...backupEnvironment,
  ...telemetryEnvironment,
};
