import { bulkWriteParts } from "./bulk-write.js";
import {
  CATALOGUE,
  COMMON_OPTIONS,
  knownCommand,
  OPEN_COMMANDS,
  type KnownCommand,
} from "./catalogue.js";
import { definitionAccess, refuseForeignDatabase } from "./collections.js";
import type { CommandScope, Document } from "./command-scope.js";
import { checkedFilter } from "./filter.js";
import { createIndexesParts } from "./indexes.js";
import { own, plain, put, shallow } from "./plain.js";
import { aggregateParts, findParts, queryParts } from "./reads.js";
import { IN_SYSTEM, named, refused } from "./refusal.js";
import { stampOf } from "./tenant-value.js";
import { deleteParts, findAndModifyParts, insertParts, updateParts } from "./writes.js";

type Parts = (at: CommandScope, command: Document, name: string) => Document;

const OPEN: ReadonlySet<string> = new Set(OPEN_COMMANDS);
// What may be explained.
const EXPLAINED: ReadonlySet<KnownCommand> = new Set([
  "find",
  "count",
  "distinct",
  "aggregate",
  "update",
  "delete",
  "findAndModify",
] as const);

const PARTS: Record<KnownCommand, Parts> = {
  find: findParts,
  count: queryParts,
  distinct: queryParts,
  aggregate: aggregateParts,
  insert: insertParts,
  update: updateParts,
  delete: deleteParts,
  findAndModify: findAndModifyParts,
  bulkWrite: bulkWriteParts,
  createIndexes: createIndexesParts,
  explain: explainParts,
  getMore: asItIs,
  killCursors: asItIs,
  listCollections: (_at, command) =>
    own(command, "filter") === undefined ? {} : { filter: checkedFilter(command["filter"]) },
  listIndexes: (at, command) => {
    definitionAccess(at, command["listIndexes"], "read");
    return {};
  },
  create: (at, command) => {
    definitionAccess(at, command["create"], "write");
    const validator = own(command, "validator");
    return validator === undefined ? {} : { validator: checkedFilter(validator) };
  },
};
const OPTIONS = new Map(
  Object.entries(CATALOGUE).map(([known, { names, options }]) => [
    known,
    new Set([...names, ...options.split(" "), ...COMMON_OPTIONS.split(" ")]),
  ]),
);

/**
 * The command to send in place of a caller's, which is not changed: `{ find: "orders" }` of the tenant acme becomes
 * `{ find: "orders", filter: { tenantId: { $eq: "acme" } } }`. Nothing is scoped in system scope.
 *
 * Throws `PW_STATEMENT_REFUSED` for a command, option, stage or operator that is not known or reaches beyond the tenant,
 * `PW_CENTRAL_SCOPE` for a tenant's collection in central scope, and `PW_WRITE_MISMATCH` for a write that carries another
 * tenant or would change the tenant of a document.
 */
export function scopeCommand(command: Document, at: CommandScope): Document {
  const copy = shallow(command);
  const [name = ""] = copy === undefined ? [] : Object.keys(copy);
  if (copy === undefined || at.kind === "system" || OPEN.has(name)) return copy ?? command;
  const known = knownCommand(name);
  if (known === undefined)
    throw refused(`The command ${named(name)} is not allowed in a ${at.kind} scope`, IN_SYSTEM);
  if (at.kind === "tenant" && at.strategy !== "database") stampOf(at);
  // A bulk of the client's goes to admin and names its databases itself; a cursor's next batch to where the first came from.
  if (known !== "bulkWrite" && known !== "getMore" && known !== "killCursors")
    refuseForeignDatabase(at, at.database);
  assertScope(known, at);
  assertOptions(known, name, copy, at);
  const parts = PARTS[known](at, copy, name);
  const scoped: Document = {};
  for (const key of Object.keys(copy))
    put(scoped, key, Object.hasOwn(parts, key) ? parts[key] : plain(copy[key]));
  return Object.assign(scoped, parts);
}

/** Whether a command carries no document and passes in every scope and outside of any: a handshake, the end of a transaction. */
export function passesAnywhere(command: Document): boolean {
  const [name = ""] = Object.keys(command);
  return OPEN.has(name);
}

function assertScope(known: KnownCommand, at: CommandScope): void {
  // Writes in central scope are refused by collection: a shared one for being shared, a tenant's for there being no tenant.
  if (at.kind === "central") return;
  const { tenant } = CATALOGUE[known];
  if (tenant === "database" ? at.strategy === "database" : tenant) return;
  throw refused(
    `The command ${named(known)} is not allowed in a tenant scope`,
    `It concerns every tenant. Do it in pw.central(fn), or ${IN_SYSTEM.replace("Do it", "do it")}`,
  );
}

function assertOptions(
  known: KnownCommand,
  name: string,
  command: Document,
  at: CommandScope,
): void {
  const options = OPTIONS.get(known);
  for (const key of Object.keys(command)) {
    if (options?.has(key) !== true && !(key === "$db" && command[key] === at.database))
      throw refused(`The option ${named(key)} of ${named(name)} is not allowed`, "Leave it out.");
  }
}

function explainParts(at: CommandScope, command: Document): Document {
  const inner = shallow(command["explain"]) ?? {};
  const known = knownCommand(Object.keys(inner)[0] ?? "");
  if (known === undefined || !EXPLAINED.has(known))
    throw refused(
      `The command ${named(Object.keys(inner)[0])} is not explained`,
      "Explain a read or a write.",
    );
  return { explain: scopeCommand(inner, at) };
}

function asItIs(): Document {
  return {};
}
