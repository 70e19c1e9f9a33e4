/** A row or a column that cannot be copied as it is. */
export interface CopyProblem {
  /** Table, `table.column`, or the file. */
  readonly where: string;
  readonly message: string;
  readonly remedy: string;
}

/** Nothing was copied: everything that stands in the way. */
export class CopyError extends Error {
  readonly problems: readonly CopyProblem[];

  constructor(problems: readonly CopyProblem[], options?: ErrorOptions) {
    super(problems.map(({ where, message, remedy }) => `${where}: ${message} (${remedy})`).join('\n'), options);
    this.name = 'CopyError';
    this.problems = problems;
  }
}
