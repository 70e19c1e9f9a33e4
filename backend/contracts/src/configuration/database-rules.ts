import type { DatabaseConfiguration } from './databases.ts';
import { OWN_DATABASE } from './databases.ts';
import type { DataMigrationSettings } from './data-migrations.ts';
import type { IntegritySettings } from './integrity.ts';

/** What the rules look at: sections that name each other. */
export interface DatabaseSections {
  readonly databases: readonly Pick<DatabaseConfiguration, 'id'>[];
  readonly integrity: readonly IntegritySettings[];
  readonly migrations: readonly DataMigrationSettings[];
  readonly routes: readonly { readonly id: string }[];
}

interface Violation {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly remedy: string;
}

/** Every database that `integrity` and `migrations` name is declared. */
export function ruleDatabasesExist({ databases, integrity, migrations }: DatabaseSections): Violation[] {
  const known = [OWN_DATABASE, ...databases.map(({ id }) => id)];
  const remedy = `declare it in databases, or name one of ${[...new Set(known)].join(', ')}`;
  const unknown = (section: string, entries: readonly { readonly database: string }[]): Violation[] =>
    entries.flatMap(({ database }, i) =>
      known.includes(database)
        ? []
        : [{ path: [section, i, 'database'], message: `there is no database '${database}'`, remedy }],
    );
  return [...unknown('integrity', integrity), ...unknown('migrations', migrations)];
}

/** Every check that a migration waits for, and every route that it compares, is declared. */
export function ruleMigrationNames({ integrity, migrations, routes }: DatabaseSections): Violation[] {
  return migrations.flatMap(({ database, checks, metrics }, i) => {
    const entry = integrity.find((candidate) => candidate.database === database);
    const declared = entry ? [...entry.relations, ...entry.invariants, ...entry.counts].map(({ name }) => name) : [];
    const lost = checks.flatMap((check, at) => {
      if (declared.includes(check)) return [];
      const remedy = `declare it in integrity for ${database}${declared.length > 0 ? `, or name one of ${declared.join(', ')}` : ''}`;
      return [{ path: ['migrations', i, 'checks', at], message: `there is no check '${check}'`, remedy }];
    });
    const astray = metrics.flatMap(({ route }, at) => {
      if (route === undefined || routes.some(({ id }) => id === route)) return [];
      const remedy = `name one of ${routes.map(({ id }) => id).join(', ')}`;
      return [{ path: ['migrations', i, 'metrics', at, 'route'], message: `there is no route '${route}'`, remedy }];
    });
    return [...lost, ...astray];
  });
}
