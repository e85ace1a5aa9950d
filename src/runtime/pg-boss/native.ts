/** A job as a worker of pg-boss is given it, metadata included. */
export interface NativeJob {
  readonly id: string;
  readonly name: string;
  data: unknown;
  readonly retryCount: number;
  readonly retryLimit: number;
  /** The queue that a dead-lettered job failed on. */
  readonly sourceName: string | null;
}

/** What a worker answers for each job of a batch. */
export interface JobOutcome {
  readonly id: string;
  readonly status: "completed" | "failed" | "deadletter";
  readonly output?: unknown;
}

/** Options of a job that name something in the queue. */
export interface JobNames {
  readonly id?: unknown;
  readonly singletonKey?: string;
  readonly group?: { readonly id: string };
  readonly key?: string;
}

/** Options of `work` that the wall looks at. */
export interface NativeWorkOptions {
  readonly perJobResults?: boolean;
  readonly transactional?: boolean;
}

type Handler = (jobs: readonly NativeJob[]) => Promise<readonly JobOutcome[]>;

/** The slice of pg-boss that {@link tenantBoss} calls. */
export interface NativeBoss {
  start(...given: unknown[]): Promise<unknown>;
  send(name: string, data: object, options: object): Promise<string | null>;
  sendAfter(name: string, data: object, options: object, after: unknown): Promise<string | null>;
  sendThrottled(
    name: string,
    data: object,
    options: object,
    seconds: number,
    key: string,
  ): Promise<string | null>;
  sendDebounced(
    name: string,
    data: object,
    options: object,
    seconds: number,
    key: string,
  ): Promise<string | null>;
  insert(name: string, jobs: readonly object[], options?: object): Promise<string[] | null>;
  schedule(name: string, cron: string, data: object, options: object): Promise<void>;
  unschedule(name: string, key: string, options?: object): Promise<void>;
  work(name: string, options: object, handler: Handler): Promise<string>;
  cancel(name: string, attempt: object, options?: object): Promise<unknown>;
  resume(name: string, id: string, options?: object): Promise<unknown>;
  update(name: string, data: undefined, options: object): Promise<unknown>;
  getDb(): { beginTransaction?(): Promise<Transaction> };
}

/** A transaction of pg-boss's own. */
export interface Transaction {
  readonly db: object;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}
