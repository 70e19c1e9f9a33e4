/** Leaves out schemas whose objects are the server's own. */
export const OURS = (schema: string): string => `${schema} !~ '^pg_' AND ${schema} <> 'information_schema'`;

/** Leaves out members of extensions, which make them anew. */
export const NOT_OF_EXTENSION = (catalogue: string, oid: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${catalogue}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;
