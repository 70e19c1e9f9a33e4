/** A table, as it is read: a partitioned one with its partitions, any other without what inherits from it. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
  readonly isPartitioned: boolean;
}

/** A column and its type as SQL writes it. */
export interface TypedColumn {
  readonly name: string;
  readonly type: string;
}

/** How a column holds the keys that it refers to. */
export type ValueSource =
  | { readonly kind: 'column' }
  | { readonly kind: 'array' }
  /** A path of the SQL/JSON path language, such as `$.trackIds[*]`. */
  | { readonly kind: 'json'; readonly path: string };

/** One column that refers to another. */
export interface ReferencePair {
  readonly from: TypedColumn;
  readonly to: TypedColumn;
  /** The operator that compares `to` with `from`, such as `OPERATOR(pg_catalog.=)`. */
  readonly operator: string;
  readonly source: ValueSource;
}

/** What is to hold: every value of the child's columns is in the parent's. */
export interface Reference {
  readonly child: TableName;
  readonly parent: TableName;
  readonly pairs: readonly ReferencePair[];
  /** Of several columns, either all or none are NULL (MATCH FULL). */
  readonly isMatchFull: boolean;
  /** SQL condition on the child's rows that refer to this parent. */
  readonly when?: string;
  /** Columns by which the child is walked through: unique and not NULL; empty when it has none. */
  readonly key: readonly TypedColumn[];
  /** The planner's estimate of the child's rows; undefined when it was never analysed. */
  readonly estimatedRows: number | undefined;
}
