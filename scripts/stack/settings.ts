import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { z } from 'zod';
// the sources, since this runs before anything is built
import { integer, readEnvironment, url, variable } from '../../backend/kernel/src/configuration/environment.ts';
import type { WantedPort } from './ports.ts';

/** What a start needs to know of its surroundings. */
export interface Settings {
  readonly root: string;
  readonly dataDirectory: string;
  readonly ports: Readonly<Record<'gateway' | 'admin' | 'worker' | 'tracks' | 'database', number>>;
  /** Set when that database is not the embedded one. */
  readonly databaseUrl: string | undefined;
  readonly tracksDatabaseUrl: string | undefined;
  /** The environment and what `.env` adds to it. */
  readonly variables: Readonly<Record<string, string>>;
}

const section = 'Start';
const listeningPort = () => integer(1, 65_535);
/** Every variable that a start reads. */
export const startEnvironment = {
  GATEWAY_PORT: variable(listeningPort().default(8000), 'Public port of the gateway.', { section }),
  ADMIN_PORT: variable(listeningPort().default(8001), 'Admin port of the gateway.', { section }),
  WORKER_PORT: variable(listeningPort().default(8002), 'Port of the worker.', { section }),
  TRACKS_PORT: variable(listeningPort().default(4000), 'Port of the example service.', { section }),
  DATABASE_PORT: variable(listeningPort().default(54_329), 'Port of the embedded PostgreSQL.', { section }),
  DATABASE_URL: variable(url('postgresql', 'postgres').optional(), 'Database of Clearway.', { section, secret: true }),
  TRACKS_DATABASE_URL: variable(url('postgresql', 'postgres').optional(), 'Database of the example.', {
    section,
    secret: true,
  }),
  DATA_DIRECTORY: variable(z.string().default('.data'), 'Where the database and the traces are kept.', { section }),
};

/**
 * Reads the settings from the environment and `.env`; the environment wins, and an empty value counts as unset.
 *
 * @throws ConfigurationError with all problems
 */
export function readSettings(root: string, environment: Readonly<Record<string, string | undefined>>): Settings {
  const file = path.join(root, '.env');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const env = readEnvironment(startEnvironment, { variables: environment, file: { name: '.env', text } });
  return {
    root,
    dataDirectory: path.resolve(root, env.DATA_DIRECTORY),
    ports: {
      gateway: env.GATEWAY_PORT,
      admin: env.ADMIN_PORT,
      worker: env.WORKER_PORT,
      tracks: env.TRACKS_PORT,
      database: env.DATABASE_PORT,
    },
    databaseUrl: env.DATABASE_URL,
    tracksDatabaseUrl: env.TRACKS_DATABASE_URL,
    variables: merge(parseEnv(text), environment),
  };
}

/** The ports that will be listened on, as the check of ports wants them. */
export function wantedPorts({ ports, databaseUrl, tracksDatabaseUrl }: Settings): WantedPort[] {
  const embedded = databaseUrl === undefined || tracksDatabaseUrl === undefined;
  return [
    { name: 'the gateway', variable: 'GATEWAY_PORT', port: ports.gateway },
    { name: "the gateway's admin listener", variable: 'ADMIN_PORT', port: ports.admin },
    { name: 'the worker', variable: 'WORKER_PORT', port: ports.worker },
    { name: 'the example service', variable: 'TRACKS_PORT', port: ports.tracks },
    ...(embedded ? [{ name: 'PostgreSQL', variable: 'DATABASE_PORT', port: ports.database }] : []),
  ];
}

function merge(...layers: readonly Readonly<Record<string, string | undefined>>[]): Record<string, string> {
  const present = layers
    .flatMap((layer) => Object.entries(layer))
    .filter((entry): entry is [string, string] => Boolean(entry[1]));
  return Object.fromEntries(present);
}
