/** A BSON document as the driver takes it. */
export type Document = Record<string, unknown>;

/** What {@link scopeCommand} has to know of the scope that issued a command, and of where it goes. */
export interface CommandScope {
  /** Which scope issued it. In "system" nothing is scoped; in "central" and "tenant" tenant collections are guarded. */
  readonly kind: "tenant" | "central" | "system";
  /** Database the command goes to, as the caller named it. */
  readonly database: string;
  /** Field every document of a tenant's collection carries; a name at the top of a document. */
  readonly field: string;
  /** The tenant's value for that field; only in a tenant's scope. A string, number, bigint or BSON scalar. */
  readonly tenant?: unknown;
  /**
   * "row" (the default): documents of several tenants lie in one collection. "database": the database holds only this
   * tenant's; then documents are neither filtered nor stamped, but what reaches out of the database is still refused.
   */
  readonly strategy?: "row" | "database";
  /** Whether a collection is shared (no tenant's): readable in every scope, written in system scope only. Every other one is a tenant's. */
  readonly isShared: (collection: string) => boolean;
  /** Version of the server where known, for forms that need a newer one. */
  readonly serverVersion?: readonly number[];
  /** Whether commands of this scope may go to a database. Absent: to every one but admin, config and local. */
  readonly isHome?: (database: string) => boolean;
  /** Whether a collection is known to be a view, which is refused: what it reads cannot be seen in a command. */
  readonly isView?: (collection: string) => boolean;
  /**
   * Whether a collection is known to have no collation of its own. Absent, or false: a tenant that is a string is compared
   * byte by byte too, since a collation may find two tenants equal.
   */
  readonly isBinary?: (collection: string) => boolean;
}

/** What the parts of one command, or of one statement of it, are decided by. */
export interface Ruling {
  readonly at: CommandScope;
  /** Whether strings are compared byte by byte where it runs. */
  readonly binary: boolean;
}

/** The ruling for what runs on a collection under a collation, the command's own or a statement's. */
export function rulingFor(at: CommandScope, collection: string, collation: unknown): Ruling {
  const binary =
    collation === undefined || collation === null
      ? at.isBinary?.(collection) === true
      : typeof collation === "object" && Reflect.get(collation, "locale") === "simple";
  return { at, binary };
}
