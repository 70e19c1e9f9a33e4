/** An index as it was last seen. */
export interface KnownIndex {
  readonly tableName: string;
  readonly indexName: string;
  readonly definition: string;
}

/** One row of what a server has: a table without indexes has none. */
export interface TableIndex {
  readonly tableName: string;
  readonly indexName: string | null;
  readonly definition: string | null;
}

/** An index that is gone, while its table is still there. */
export interface LostIndex extends KnownIndex {
  readonly atMs: number;
}

const MAX_LOST = 50;

/** Notices indexes that disappear: the commonest cause of a query that became slow from one minute to the next. */
export class IndexMemory {
  #known: ReadonlyMap<string, KnownIndex> | undefined;
  #lost: LostIndex[] = [];

  /** The ones that were lost, the last one first. */
  get lost(): readonly LostIndex[] {
    return this.#lost;
  }

  /** Whether it has seen the indexes of this server. */
  get isReady(): boolean {
    return this.#known !== undefined;
  }

  /** Forgets everything: for another server. */
  clear(): void {
    this.#known = undefined;
    this.#lost = [];
  }

  /**
   * Compares the indexes with those of the last time.
   *
   * @returns the ones that are lost since, unless another one does the same or the table went with them
   */
  update(rows: readonly TableIndex[], nowMs: number): LostIndex[] {
    const before = this.#known;
    const tables = new Set(rows.map(({ tableName }) => tableName));
    const indexes = rows.flatMap(({ tableName, indexName, definition }) =>
      indexName === null || definition === null ? [] : [{ tableName, indexName, definition }],
    );
    const now = new Map(indexes.map((index) => [`${index.tableName} ${index.indexName}`, index]));
    const bodies = new Set(indexes.map(bodyOf));
    this.#known = now;
    const lost = [...(before ?? [])]
      .filter(([key, index]) => !now.has(key) && tables.has(index.tableName) && !bodies.has(bodyOf(index)))
      .map(([, index]) => ({ ...index, atMs: nowMs }));
    const isBack = (index: LostIndex): boolean => bodies.has(bodyOf(index)) || !tables.has(index.tableName);
    this.#lost = [...lost, ...this.#lost.filter((index) => !isBack(index))].slice(0, MAX_LOST);
    return lost;
  }
}

/** What an index does, whatever its name. */
function bodyOf({ definition }: KnownIndex): string {
  return definition.replace(/^CREATE (?:UNIQUE )?INDEX \S+ /, '');
}
