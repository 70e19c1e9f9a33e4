import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readOptions } from '../stack/options.ts';
import { stackProcesses } from '../stack/processes.ts';
import { readSettings, wantedPorts } from '../stack/settings.ts';
import { addresses, renderAddresses, renderNextSteps } from '../stack/table.ts';
import { folder } from './support/folder.ts';

const urls = { clearway: 'postgresql://clearway', tracks: 'postgresql://tracks' };

describe('the settings of a start', () => {
  test('.env is honoured, the environment wins, and an empty value counts as unset', () => {
    const root = folder({ '.env': 'GATEWAY_PORT=9000\nWORKER_PORT=9002\nLOG_LEVEL=debug\n' });
    const settings = readSettings(root, { GATEWAY_PORT: '9100', WORKER_PORT: '' });
    expect(settings.ports).toEqual({ gateway: 9100, admin: 8001, worker: 9002, tracks: 4000, database: 54_329 });
    expect(settings.variables).toMatchObject({ GATEWAY_PORT: '9100', WORKER_PORT: '9002', LOG_LEVEL: 'debug' });
    expect(settings.dataDirectory).toBe(path.join(root, '.data'));
  });

  test('all problems are told at once, and no secret with them', () => {
    const root = folder({ '.env': '\nGATEWAY_PORT=eighty\n' });
    const read = () => readSettings(root, { WORKER_PORT: '0', DATABASE_URL: 'mysql://me:secret@host/x' });
    expect(read).toThrow(/\.env:2.*GATEWAY_PORT[^]*WORKER_PORT[^]*DATABASE_URL/);
    expect(read).not.toThrow(/secret/);
  });

  test('the port of PostgreSQL is wanted only when a database is the embedded one', () => {
    const root = folder();
    const variablesOf = (env: Record<string, string>) =>
      wantedPorts(readSettings(root, env)).map(({ variable }) => variable);
    const all = { DATABASE_URL: 'postgresql://h/c', TRACKS_DATABASE_URL: 'postgresql://h/t' };
    expect(variablesOf({ DATABASE_URL: all.DATABASE_URL })).toContain('DATABASE_PORT');
    expect(variablesOf(all)).toEqual(['GATEWAY_PORT', 'ADMIN_PORT', 'WORKER_PORT', 'TRACKS_PORT']);
  });
});

describe('the processes of a start', () => {
  const settings = readSettings(folder(), { OTEL_SERVICE_NAME: 'mine', TRACKS_PORT: '4100', OTEL_EXPORTER: 'console' });
  const groups = stackProcesses(settings, urls, true);
  const [worker, tracks, gateway] = groups.flat().map(({ spec }) => spec);

  test('the gateway comes last, so that it is stopped first', () => {
    expect(groups.map((group) => group.map(({ spec }) => spec.name))).toEqual([['worker', 'tracks'], ['gateway']]);
  });

  test('each has its own service name, the example its own database and port', () => {
    expect([worker, tracks, gateway].map((spec) => spec?.env['OTEL_SERVICE_NAME'])).toEqual([
      'worker',
      'tracks-service',
      'api-gateway',
    ]);
    expect(tracks?.env).toMatchObject({ PORT: '4100', DATABASE_URL: urls.tracks });
    expect(worker?.env).toMatchObject({ DATABASE_URL: urls.clearway, TRACKS_DATABASE_URL: urls.tracks });
  });

  test('what the user set wins over the defaults', () => {
    expect(gateway?.env).toMatchObject({ OTEL_EXPORTER: 'console', LOG_FORMAT: 'pretty' });
    const json = readSettings(folder(), { LOG_FORMAT: 'json' });
    expect(stackProcesses(json, urls, true)[0]?.[0]?.spec.env['LOG_FORMAT']).toBe('json');
  });

  test('no secret is on a command line', () => {
    for (const { spec } of groups.flat()) expect(spec.args.join(' ')).not.toContain('postgresql:');
  });
});

describe('what a start prints', () => {
  const settings = readSettings(folder(), { GATEWAY_PORT: '9000' });

  test('one table of addresses', () => {
    expect(renderAddresses(addresses(settings, 54_400))).toMatch(
      /gateway +http:\/\/127\.0\.0\.1:9000[^]*127\.0\.0\.1:54400/,
    );
    const elsewhere = { ...settings, databaseUrl: 'postgresql://h/c', tracksDatabaseUrl: 'postgresql://h/t' };
    expect(renderAddresses(addresses(elsewhere, 0))).not.toContain('PostgreSQL');
  });

  test('three things to try, with the ports and a trace that exists', () => {
    const text = renderNextSteps(settings, '4bf92f3577b34da6a3ce929d0e0e4736');
    expect(text).toContain('curl -i http://127.0.0.1:9000/v1/tracks');
    expect(text).toContain('npx clearway explain 4bf92f3577b34da6a3ce929d0e0e4736');
    expect(text).toContain('http://127.0.0.1:8002/api/traces/4bf92f3577b34da6a3ce929d0e0e4736');
    expect(text).toContain('http://127.0.0.1:8001/metrics');
    const moved = renderNextSteps(readSettings(folder(), { WORKER_PORT: '9002' }), undefined);
    expect(moved).toContain('--url http://127.0.0.1:9002');
    expect(renderNextSteps(settings, undefined)).toContain('<the Trace-Id of the answer>');
  });
});

describe('the command line', () => {
  test('knows its flags and refuses others', () => {
    expect(readOptions(['--watch'])).toMatchObject({ watch: true, verbose: false, help: false });
    expect(() => readOptions(['--wacth'])).toThrow(/--wacth/);
    expect(() => readOptions(['extra'])).toThrow(/extra/);
  });
});
