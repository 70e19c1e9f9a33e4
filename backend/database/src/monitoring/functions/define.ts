/** The types that a monitoring query may return; a question mark says that the value may be missing. */
export type ColumnType = BaseType | `${BaseType}?`;
type BaseType = 'boolean' | 'int4' | 'int8' | 'float8' | 'text' | 'timestamptz' | 'int4[]' | 'text[]';

/** The columns of a monitoring query, by their names in SQL. */
export type Columns = Readonly<Record<string, ColumnType>>;

/** A parameter of a monitoring query, `$1` being the first. */
export interface Parameter {
  readonly name: string;
  readonly type: 'boolean' | 'int4' | 'int8' | 'float8' | 'text' | 'text[]';
  /** In SQL; a parameter without one has to be given. */
  readonly default?: string;
}

/**
 * One question to a database. It is asked as plain SQL, and also installed as a function of the schema `monitoring` for
 * people and other programs: both are made from this definition.
 */
export interface MonitoringQuery<C extends Columns = Columns> {
  /** The function's name. */
  readonly name: string;
  /** Shown by `\df+ monitoring.*`. */
  readonly comment: string;
  readonly parameters?: readonly Parameter[];
  readonly columns: C;
  /**
   * Whether the function lends its caller the rights of its owner, for what pg_monitor alone does not show. Its SQL has to
   * look at `session_user`, and asks as plain SQL with the rights that the caller has.
   */
  readonly withOwnersRights?: boolean;
  /** One SELECT. `{statements}` stands for the schema that holds pg_stat_statements. */
  readonly sql: string;
}

/** One row of a query, with the names of its columns in camel case; times are texts of ISO 8601. */
export type RowOf<C extends Columns> = { readonly [K in keyof C & string as CamelCase<K>]: ValueOf<C[K]> };

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;
type ValueOf<T extends ColumnType> = T extends `${infer Base}?` ? Plain<Base> | null : Plain<T>;
type Plain<T extends string> = T extends 'int4' | 'int8' | 'float8'
  ? number
  : T extends 'boolean'
    ? boolean
    : T extends 'int4[]'
      ? readonly number[]
      : T extends 'text[]'
        ? readonly string[]
        : string;

/** Keeps the types of the columns. */
export function defineQuery<const C extends Columns>(query: MonitoringQuery<C>): MonitoringQuery<C> {
  return query;
}

/** The sessions of clients. Of sessions that the role may not see there is neither type nor state. */
export const CLIENT_SESSION = `(backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL))`;

/** Whether the caller of a function with its owner's rights may know more than its own rights show. */
export const CALLER_MONITORS = `pg_has_role(session_user, 'pg_monitor', 'USAGE')`;
