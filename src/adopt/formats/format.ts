import type { AdoptionPlan } from "../plan.js";

/** A file to be written. */
export interface GeneratedFile {
  /** Beginning with the folder that was asked for, with forward slashes. */
  readonly path: string;
  readonly content: string;
}

/** Where and under which names migrations are written. */
export interface FormatContext {
  /** The folder in which the migrator looks. */
  readonly folder: string;
  /** The time that the first migration is dated; each further one a second later. */
  readonly timestamp: Date;
  /** What the migrations are called, such as `tenancy`. */
  readonly name: string;
  /**
   * Of migrators whose migrations are modules: TypeScript (default), JavaScript as ES modules, or CommonJS. What can
   * be written depends on the migrator.
   */
  readonly module?: "ts" | "esm" | "cjs";
  /** How long a step waits for a lock before it gives up, in milliseconds; default 2000. Run the migrator again then. */
  readonly lockTimeoutMs?: number;
  /** The content of a file that is in the folder already, by its path within; Drizzle's journal is added to. */
  readonly existing?: (path: string) => string | undefined;
  /** Of Drizzle: the snapshot of the edited schema, as `generateDrizzleJson` of `drizzle-kit/api` gives it. */
  readonly snapshot?: object;
}

/** A way of writing an adoption plan: the files of one migrator. */
export interface MigrationFormat {
  /** As the command line names it, such as `knex`. */
  readonly name: string;
  /** Packages by which an application shows that it uses this migrator. */
  readonly packages: readonly string[];
  /** The folder in which the migrator looks by default. */
  readonly folder: string;
  /**
   * The files, in the order in which they run. Throws `PW_CONFIG` for a plan with obstacles, and for one that this
   * migrator cannot run.
   */
  write(plan: AdoptionPlan, context: FormatContext): readonly GeneratedFile[];
  /** What a person has to set or do for the files to run, in a sentence each. */
  readonly notes: readonly string[];
}
