/** Who may issue a command: in a tenant's scope ("database": only where the database is the tenant's alone) and in central scope. */
export interface CatalogueEntry {
  /** Names of the command, the first the usual one. */
  readonly names: readonly string[];
  /** What is done to it. */
  readonly how: string;
  readonly tenant: boolean | "database";
  readonly central: boolean;
  /** The options it may carry, besides those every command may. */
  readonly options: string;
}

/** Options that every command may carry. */
export const COMMON_OPTIONS =
  "comment maxTimeMS readConcern writeConcern $readPreference apiVersion apiStrict apiDeprecationErrors";

/** Commands that carry no document: they pass in every scope and outside of any, as they are. */
export const OPEN_COMMANDS: readonly string[] = [
  "hello",
  "isMaster",
  "ismaster",
  "ping",
  "buildInfo",
  "buildinfo",
  "saslStart",
  "saslContinue",
  "authenticate",
  "startSession",
  "refreshSessions",
  "endSessions",
  "commitTransaction",
  "abortTransaction",
];

/** The commands that are known. Every other one is refused in tenant and central scope. */
export const CATALOGUE = {
  find: {
    names: ["find"],
    how: "`filter` and the tenant",
    tenant: true,
    central: true,
    options:
      "filter sort projection hint skip limit batchSize singleBatch max min returnKey showRecordId tailable awaitData noCursorTimeout allowPartialResults allowDiskUse collation let",
  },
  count: {
    names: ["count"],
    how: "`query` and the tenant",
    tenant: true,
    central: true,
    options: "query limit skip hint collation",
  },
  distinct: {
    names: ["distinct"],
    how: "`query` and the tenant",
    tenant: true,
    central: true,
    options: "key query collation hint",
  },
  aggregate: {
    names: ["aggregate"],
    how: "`pipeline` begins with a `$match` of the tenant; every stage as below",
    tenant: true,
    central: true,
    options: "pipeline cursor explain allowDiskUse hint collation let bypassDocumentValidation",
  },
  insert: {
    names: ["insert"],
    how: "each document carries the tenant; another's is refused",
    tenant: true,
    central: false,
    options: "documents ordered bypassDocumentValidation",
  },
  update: {
    names: ["update"],
    how: "`q` and the tenant; `u` may not change the tenant; a replacement and an upsert carry it",
    tenant: true,
    central: false,
    options: "updates ordered let bypassDocumentValidation",
  },
  delete: {
    names: ["delete"],
    how: "`q` and the tenant",
    tenant: true,
    central: false,
    options: "deletes ordered let",
  },
  findAndModify: {
    names: ["findAndModify", "findandmodify"],
    how: "`query` and the tenant; `update` as in `update`",
    tenant: true,
    central: false,
    options:
      "query sort remove update new fields upsert bypassDocumentValidation collation hint arrayFilters let",
  },
  bulkWrite: {
    names: ["bulkWrite"],
    how: "each operation as `insert`, `update` or `delete`, by its namespace",
    tenant: true,
    central: false,
    options: "ops nsInfo ordered errorsOnly bypassDocumentValidation let cursor",
  },
  explain: {
    names: ["explain"],
    how: "the command explained, as itself",
    tenant: true,
    central: true,
    options: "verbosity",
  },
  getMore: {
    names: ["getMore"],
    how: "as it is: a cursor is read in the scope that opened it, which the connection's guard sees to",
    tenant: true,
    central: true,
    options: "collection batchSize term",
  },
  killCursors: {
    names: ["killCursors"],
    how: "as `getMore`",
    tenant: true,
    central: true,
    options: "cursors",
  },
  listCollections: {
    names: ["listCollections"],
    how: "as it is: names and options, no documents",
    tenant: true,
    central: true,
    options: "filter cursor nameOnly authorizedCollections",
  },
  listIndexes: {
    names: ["listIndexes"],
    how: "as it is: keys and options, no documents",
    tenant: true,
    central: true,
    options: "cursor",
  },
  create: {
    names: ["create"],
    how: "a plain collection; views, capped, time series and a collation in system scope only",
    tenant: "database",
    central: true,
    options: "validator validationLevel validationAction changeStreamPreAndPostImages",
  },
  createIndexes: {
    names: ["createIndexes"],
    how: "the key begins with the tenant; a unique one that cannot is refused",
    tenant: "database",
    central: true,
    options: "indexes commitQuorum",
  },
} as const satisfies Record<string, CatalogueEntry>;

/** The usual name of a command that is known. */
export type KnownCommand = keyof typeof CATALOGUE;

const BY_NAME = new Map<string, KnownCommand>(
  Object.entries(CATALOGUE).flatMap(([known, { names }]) =>
    names.map((name): [string, KnownCommand] => [name, known as KnownCommand]),
  ),
);

/** The catalogue's entry of a command, by any of its names. */
export const knownCommand = (name: string): KnownCommand | undefined => BY_NAME.get(name);

/** A stage of an aggregation, as the documentation names it. */
export interface StageEntry {
  readonly names: readonly string[];
  readonly how: string;
}

/** What is done to stages that reach beyond the documents before them; those that do not pass, every other one is refused. */
export const STAGES: readonly StageEntry[] = [
  { names: ["$match"], how: "the first one and the tenant's become one" },
  {
    names: ["$lookup"],
    how: "`pipeline` begins with a `$match` of the tenant; of a shared collection, as it is",
  },
  { names: ["$graphLookup"], how: "`restrictSearchWithMatch` and the tenant" },
  { names: ["$unionWith"], how: "`pipeline` begins with a `$match` of the tenant" },
  { names: ["$facet"], how: "each pipeline within, as itself" },
  { names: ["$geoNear"], how: "first only; `query` and the tenant" },
  {
    names: ["$search"],
    how: "first only; a `$match` of the tenant behind it; no `count`, `facet` or `scoreDetails`",
  },
  {
    names: ["$vectorSearch"],
    how: "first only; `filter` and the tenant, and a `$match` behind it",
  },
  {
    names: ["$changeStream"],
    how: "a `$match` of the tenant behind it; events without the document are dropped, and `updateDescription` beside `updateLookup`; never of the whole cluster",
  },
  { names: ["$documents"], how: "as it is, where no collection is read" },
];
