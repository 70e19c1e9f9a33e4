import type pg from 'pg';
import { quoteText } from '../../connection/session.ts';

const BATCH = 1000;
const PIECE_BYTES = 1024 * 1024;

/** A large object and what belongs to it, as statements. */
interface ListedObject {
  readonly oid: string;
  readonly owner: string;
  /** Null when the owner alone has rights. */
  readonly grants: readonly string[] | null;
  readonly comment: string | null;
}

const LIST = `
SELECT m.oid::text, quote_ident(pg_get_userbyid(m.lomowner)) AS owner,
  (SELECT array_agg(format('GRANT %s ON LARGE OBJECT %s TO %s%s;', a.privilege_type, m.oid,
     CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
     CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)) FROM aclexplode(m.lomacl) a) AS grants,
  obj_description(m.oid, 'pg_largeobject') AS comment
FROM pg_largeobject_metadata m WHERE m.oid > $1::oid ORDER BY m.oid LIMIT ${BATCH}`;

/** All large objects as statements that any client can run: object, owner, rights, comment and content. */
export async function* largeObjectStatements(client: pg.Client): AsyncGenerator<Buffer, void, undefined> {
  for (let last = '0'; ;) {
    const { rows } = await client.query<ListedObject>(LIST, [last]);
    for (const object of rows) {
      yield Buffer.from(metadataOf(object));
      yield* contentOf(client, object.oid);
    }
    if (rows.length < BATCH) return;
    last = rows.at(-1)?.oid ?? '';
  }
}

function metadataOf({ oid, owner, grants, comment }: ListedObject): string {
  const lines = [`SELECT pg_catalog.lo_create(${oid});`, `ALTER LARGE OBJECT ${oid} OWNER TO ${owner};`];
  if (grants) lines.push(`REVOKE ALL ON LARGE OBJECT ${oid} FROM ${owner};`, ...grants);
  if (comment !== null) lines.push(`COMMENT ON LARGE OBJECT ${oid} IS ${quoteText(comment)};`);
  return `${lines.join('\n')}\n`;
}

async function* contentOf(client: pg.Client, oid: string): AsyncGenerator<Buffer, void, undefined> {
  for (let offset = 0; ; offset += PIECE_BYTES) {
    const { rows } = await client.query<{ piece: Buffer }>('SELECT lo_get($1::oid, $2::bigint, $3::int) AS piece', [
      oid,
      offset,
      PIECE_BYTES,
    ]);
    const piece = rows[0]?.piece ?? Buffer.alloc(0);
    if (piece.length > 0)
      yield Buffer.from(`SELECT pg_catalog.lo_put(${oid}, ${offset}, '\\x${piece.toString('hex')}');\n`);
    if (piece.length < PIECE_BYTES) return;
  }
}
