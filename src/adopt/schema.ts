/** A name with its schema, both as the catalogue spells them, unquoted. */
export interface ObjectName {
  readonly schema: string;
  readonly name: string;
}

/** A column of a table. */
export interface Column {
  readonly name: string;
  /** As `format_type` prints it, for example `character varying(40)`. */
  readonly type: string;
  readonly notNull: boolean;
  /** The default's expression; of a generated column, what it is computed from. */
  readonly default: string | null;
  /** `ALWAYS` or `BY DEFAULT` for an identity column. */
  readonly identity: "always" | "by default" | null;
  readonly generated: boolean;
  /** The sequence that belongs to it: an identity's, or a serial's by ownership or by its default. */
  readonly sequence: ObjectName | null;
}

/** A key of an index. */
export interface IndexKey {
  /** The column, or nothing where it is an expression. */
  readonly column: string | null;
  /** The key as `pg_get_indexdef` prints it: the quoted column, or the expression. */
  readonly definition: string;
  /** Collation, operator class and order, as they are written behind the key and a space; empty where all are the defaults. */
  readonly options: string;
}

/** An index, with or without a constraint on top. */
export interface Index {
  readonly name: string;
  readonly isUnique: boolean;
  readonly isPrimary: boolean;
  readonly isExclusion: boolean;
  readonly isValid: boolean;
  readonly isReplicaIdentity: boolean;
  readonly isClustered: boolean;
  readonly nullsNotDistinct: boolean;
  /** Access method, such as `btree`. */
  readonly method: string;
  readonly keys: readonly IndexKey[];
  /** Columns behind INCLUDE. */
  readonly include: readonly string[];
  /** The WHERE of a partial index, without the keyword. */
  readonly predicate: string | null;
  /** Storage parameters, such as `fillfactor=70`. */
  readonly storage: readonly string[];
  readonly tablespace: string | null;
  readonly comment: string | null;
  /** Whole, as `pg_get_indexdef` prints it. */
  readonly definition: string;
  /** The constraint that owns it, if one does. */
  readonly constraint: {
    readonly name: string;
    readonly deferrable: boolean;
    readonly deferred: boolean;
    readonly comment: string | null;
    /** As `pg_get_constraintdef` prints it. */
    readonly definition: string;
    /** Whether it came from a partitioned parent, where it is changed. */
    readonly isInherited: boolean;
    /** Whether the last key is `WITHOUT OVERLAPS` (PostgreSQL 18). */
    readonly withoutOverlaps: boolean;
    /** Of an exclusion constraint: the operators, one for each key, qualified where needed. */
    readonly operators: readonly string[];
  } | null;
  /** The index of the partitioned parent that it belongs to. */
  readonly parent: ObjectName | null;
}

/** What follows when a referenced row goes or changes. */
export type ReferentialAction = "no action" | "restrict" | "cascade" | "set null" | "set default";

/** A foreign key. */
export interface ForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  readonly references: ObjectName;
  readonly referencedColumns: readonly string[];
  readonly onDelete: ReferentialAction;
  /** Columns that ON DELETE SET NULL or SET DEFAULT is limited to; all where it is empty. */
  readonly onDeleteColumns: readonly string[];
  readonly onUpdate: ReferentialAction;
  readonly match: "simple" | "full";
  readonly deferrable: boolean;
  readonly deferred: boolean;
  readonly isValidated: boolean;
  /** False where it is `NOT ENFORCED` (PostgreSQL 18). */
  readonly isEnforced: boolean;
  /** Whether the last column of both sides is a `PERIOD` (PostgreSQL 18). */
  readonly hasPeriod: boolean;
  readonly comment: string | null;
  /** Whether it came from a partitioned parent, or points at a partition of the one it was declared on. */
  readonly isInherited: boolean;
  readonly definition: string;
}

/** A check constraint. */
export interface Check {
  readonly name: string;
  readonly definition: string;
  readonly isInherited: boolean;
}

/** A policy that was there before. */
export interface Policy {
  readonly name: string;
  readonly isPermissive: boolean;
  readonly command: string;
  readonly roles: readonly string[];
  readonly using: string | null;
  readonly withCheck: string | null;
}

/** A trigger that is not one of PostgreSQL's own. */
export interface Trigger {
  readonly name: string;
  readonly function: ObjectName;
  readonly isSecurityDefiner: boolean;
  /** Whether it came from a partitioned parent. */
  readonly isInherited: boolean;
  /** Whether a foreign key's action fires it, and its function meets rows: PostgreSQL runs that under no policy. */
  readonly isPastPolicies: boolean;
  readonly definition: string;
}

/** A table, partitioned table or partition. */
export interface Table extends ObjectName {
  readonly kind: "table" | "partitioned" | "foreign";
  readonly owner: string;
  /** The parent, where it is a partition. */
  readonly partitionOf: ObjectName | null;
  /** Parents by plain inheritance. */
  readonly inherits: readonly ObjectName[];
  /** The type of a typed table (`CREATE TABLE OF`), which no column can be added to. */
  readonly ofType: string | null;
  readonly columns: readonly Column[];
  readonly indexes: readonly Index[];
  readonly foreignKeys: readonly ForeignKey[];
  readonly checks: readonly Check[];
  readonly policies: readonly Policy[];
  readonly rowSecurity: "off" | "enabled" | "forced";
  readonly triggers: readonly Trigger[];
  /** Rules other than a view's own. */
  readonly rules: readonly { readonly name: string; readonly definition: string }[];
  readonly replicaIdentity: "default" | "nothing" | "full" | "index";
  /** Publications that name it, with the columns they are limited to (empty: all). */
  readonly publications: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly rowFilter: string | null;
  }[];
  /** Rows as the planner estimates them; -1 where it was never analysed. */
  readonly estimatedRows: number;
  /** Bytes of the table without its indexes. */
  readonly bytes: number;
  readonly comment: string | null;
  /** Whether it belongs to an extension, and so is left alone. */
  readonly extension: string | null;
}

/** A view or materialised view. */
export interface View extends ObjectName {
  readonly isMaterialized: boolean;
  readonly owner: string;
  readonly definition: string;
  readonly securityInvoker: boolean;
  /** Of a materialised view: where it lies, if not in the database's own tablespace, and whether it holds rows. */
  readonly tablespace: string | null;
  readonly isPopulated: boolean;
  /** Options as in WITH, such as `security_barrier=true`, `check_option=local`. */
  readonly options: readonly string[];
  readonly columns: readonly string[];
  /** Tables and views that it reads. */
  readonly reads: readonly ObjectName[];
  /** What stands on it and is no view, such as a routine or a policy, in words: while it does, the view cannot be dropped. */
  readonly dependents: readonly string[];
  /** Constraints it stands on: a GROUP BY of a primary key makes the view depend on it. */
  readonly constraints: readonly { readonly table: ObjectName; readonly name: string }[];
  readonly comment: string | null;
  readonly columnComments: readonly { readonly column: string; readonly comment: string }[];
  /** Statements that give back what was granted on it, after taking what default privileges would give a new one. */
  readonly grants: readonly string[];
  readonly extension: string | null;
  /** Statements that make the rules and triggers on the view anew, with their comments. */
  readonly rules: readonly string[];
  readonly triggers: readonly string[];
  /** Defaults of the view's own columns. */
  readonly defaults: readonly { readonly column: string; readonly expression: string }[];
  /** Statements that make the indexes of a materialised view anew, with tablespace, clustering and comment. */
  readonly indexes: readonly string[];
}

/** A rule other than one that makes a view, and what it reaches. */
export interface Rule {
  /** The table or view whose statements fire it. */
  readonly on: ObjectName;
  readonly isOnView: boolean;
  readonly name: string;
  /** As `pg_get_ruledef` prints it. */
  readonly definition: string;
  /** The role whose rights and policies its actions have: the owner of the table or view. */
  readonly owner: string;
  /** Whether no policy applies to that role: a superuser, or one with BYPASSRLS. */
  readonly ownerBypasses: boolean;
  /** Whether it does nothing, or only notifies, and reads no table. */
  readonly isInert: boolean;
  /** Whether it only inserts values of the statement's own, and reads no table. */
  readonly isPlainInsert: boolean;
  /** Whether the action of a foreign key fires it. */
  readonly isFiredByForeignKey: boolean;
  /** Tables and views it names, the one it is on among them, as the server prints them and with the columns it names. */
  readonly touches: readonly (ObjectName & {
    readonly printed: string;
    readonly columns: readonly string[];
  })[];
}

/** A function or procedure. */
export interface Routine extends ObjectName {
  /** With its argument types, as `regprocedure` prints it: what DDL names it by. */
  readonly signature: string;
  readonly language: string;
  readonly isSecurityDefiner: boolean;
  readonly owner: string;
  readonly extension: string | null;
}

/** A schema as it is in the database, whole enough to be changed without reading it again. */
export interface Schema {
  readonly database: string;
  /** As `server_version_num`. */
  readonly version: number;
  readonly login: string;
  readonly isSuperuser: boolean;
  /** Parents before their partitions and children; otherwise by name. */
  readonly tables: readonly Table[];
  /** Those that are read by others first. */
  readonly views: readonly View[];
  /** Of the schemas' tables and views, and those anywhere that name these tables. */
  readonly rules: readonly Rule[];
  readonly routines: readonly Routine[];
  /** Sequences that belong to no column. */
  readonly sequences: readonly ObjectName[];
  /** Extensions installed, and those that could be. */
  readonly extensions: {
    readonly installed: readonly string[];
    readonly available: readonly string[];
  };
  /** Publications of all tables. */
  readonly publicationsOfAll: readonly string[];
  /** Foreign keys by which tables that are not among `tables` point at these. */
  readonly foreignKeysFromOutside: readonly {
    readonly table: ObjectName;
    readonly foreignKey: ForeignKey;
  }[];
}
