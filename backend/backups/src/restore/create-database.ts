import type pg from 'pg';
import { quoteName, quoteText } from '../connection/session.ts';
import type { ManifestSource } from '../manifest/schema.ts';
import { majorOf } from '../manifest/source.ts';

/**
 * Makes an empty database with the encoding and locale of the one that was dumped; where the server does not know the
 * locale, with C: the order in which texts sort is then another, their content is not.
 *
 * @returns a warning when the locale had to be another one
 */
export async function createDatabaseLike(
  admin: pg.Client,
  name: string,
  source: Pick<ManifestSource, 'encoding' | 'collate' | 'characterType' | 'localeProvider' | 'locale'> | null,
): Promise<string | undefined> {
  const create = `CREATE DATABASE ${quoteName(name)} TEMPLATE template0`;
  if (!source) {
    await admin.query(create);
    return undefined;
  }
  const encoding = `ENCODING ${quoteText(source.encoding)}`;
  const wanted = await localeClauses(admin, source);
  // upper and lower case of all letters where it can be had
  const instead = ["LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'", "LC_COLLATE 'C' LC_CTYPE 'C'"];
  for (const [i, locale] of [wanted, ...instead].entries()) {
    try {
      await admin.query(`${create} ${encoding} ${locale}`);
      return i === 0
        ? undefined
        : `the server does not know the locale ${source.locale ?? source.collate}: texts sort by C`;
    } catch (error) {
      const { code } = error as { code?: string };
      if (!NO_SUCH_LOCALE.test(code ?? '') || i === instead.length) throw error;
    }
  }
  return undefined;
}

/** The server has no such locale, or was built without ICU, or it does not go with the encoding. */
const NO_SUCH_LOCALE = /^(22023|42809|42704|0A000|58P01|42P17)$/;

async function localeClauses(
  admin: pg.Client,
  {
    collate,
    characterType,
    localeProvider,
    locale,
  }: Pick<ManifestSource, 'collate' | 'characterType' | 'localeProvider' | 'locale'>,
): Promise<string> {
  const { rows } = await admin.query<{ number: number }>(`SELECT current_setting('server_version_num')::int AS number`);
  const major = majorOf(rows[0]?.number ?? 0);
  const libc = `LC_COLLATE ${quoteText(collate)} LC_CTYPE ${quoteText(characterType)}`;
  if (localeProvider === 'libc' || locale === null) return `LOCALE_PROVIDER libc ${libc}`;
  if (localeProvider === 'icu') return `LOCALE_PROVIDER icu ICU_LOCALE ${quoteText(locale)} ${libc}`;
  return major >= 17 ? `LOCALE_PROVIDER builtin BUILTIN_LOCALE ${quoteText(locale)} ${libc}` : libc;
}
