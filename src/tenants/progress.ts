/** How far the work on one table has come. */
export interface TenantDataProgress {
  /** What is being done. */
  readonly phase: "export" | "import" | "erase" | "scan" | "compare";
  /** The table, `schema.name`. */
  readonly table: string;
  /** Rows of this table so far. */
  readonly rows: number;
  /** Bytes of this table so far, as they stand in the archive; 0 where nothing is copied. */
  readonly bytes: number;
  /** How many rows this table is thought to have, by the planner or the archive. */
  readonly estimate: number;
}

/** What every long piece of work on a tenant's data takes. */
export interface WatchOptions {
  /** Told after every batch of rows. */
  readonly onProgress?: (progress: TenantDataProgress) => void;
  /** Stops the work between two batches; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}
