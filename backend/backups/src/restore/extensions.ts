import type pg from 'pg';
import type { ManifestSource } from '../manifest/schema.ts';

/** An extension that a dump needs and a server cannot give. */
export interface MissingExtension {
  readonly extension: string;
  /** Such as `is not installed`. */
  readonly why: string;
}

/** Extensions of a dumped database that the server of a session cannot make. */
export async function missingExtensions(
  client: pg.Client,
  needed: ManifestSource['extensions'],
): Promise<MissingExtension[]> {
  const { rows } = await client.query<{ name: string }>('SELECT name FROM pg_available_extensions');
  const available = new Set(rows.map(({ name }) => name));
  return needed
    .filter(({ name }) => !available.has(name))
    .map(({ name }) => ({ extension: name, why: 'is not installed' }));
}
