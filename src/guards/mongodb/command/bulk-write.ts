import { access, refuseForeignDatabase } from "./collections.js";
import type { CommandScope, Document } from "./command-scope.js";
import { listOf, stamped } from "./documents.js";
import { own, shallow } from "./plain.js";
import { named, refused } from "./refusal.js";
import { scopedStatement, type StatementForm } from "./statements.js";
import { letPart } from "./writes.js";

const UPDATE: StatementForm = {
  filter: "filter",
  update: "updateMods",
  members: new Set(
    "update filter updateMods multi upsert arrayFilters collation hint constants sort".split(" "),
  ),
};
const DELETE: StatementForm = {
  filter: "filter",
  members: new Set("delete filter multi collation hint".split(" ")),
};

/** The parts of `bulkWrite`, the client's own, that change: each operation by the collection that it names in `nsInfo`. */
export function bulkWriteParts(at: CommandScope, command: Document): Document {
  const names = listOf(own(command, "nsInfo"), "nsInfo").map((space) => collectionOf(at, space));
  return {
    ops: listOf(own(command, "ops"), "ops").map((one) => scopedOperation(at, names, one)),
    nsInfo: names.map(({ ns }) => ({ ns })),
    ...letPart(command),
  };
}

interface Namespace {
  readonly ns: string;
  readonly collection: string;
}

function collectionOf(at: CommandScope, space: unknown): Namespace {
  const copy = shallow(space) ?? {};
  const { ns } = copy;
  const dot = typeof ns === "string" ? ns.indexOf(".") : -1;
  if (typeof ns !== "string" || dot < 1 || Object.keys(copy).length > 1)
    throw refused("A namespace of bulkWrite is not { ns }", "Name database and collection in it.");
  // The command itself goes to another database, so its strategy does not say whose this one is.
  if (at.strategy === "database" && at.isHome === undefined)
    throw refused(
      "bulkWrite names databases, and the tenant's is not known",
      "Write through the collection.",
    );
  refuseForeignDatabase(at, ns.slice(0, dot));
  return { ns, collection: ns.slice(dot + 1) };
}

function scopedOperation(
  at: CommandScope,
  names: readonly Namespace[],
  operation: unknown,
): Document {
  const copy = shallow(operation) ?? {};
  // The server takes the kind from the first member.
  const [kind = "", ...more] = Object.keys(copy);
  const index = copy[kind];
  const name = typeof index === "number" ? names[index]?.collection : undefined;
  if (name === undefined)
    throw refused(
      `An operation ${named(kind)} of bulkWrite names no namespace`,
      "Give its number in nsInfo.",
    );
  const how = access(at, name, "write");
  if (kind === "update") return scopedStatement(at, name, how, UPDATE, copy);
  if (kind === "delete") return scopedStatement(at, name, how, DELETE, copy);
  if (kind !== "insert" || more.join() !== "document")
    throw refused(
      `An operation ${named(kind)} of bulkWrite is not allowed`,
      "Insert, update or delete.",
    );
  return how === "scoped" ? { insert: index, document: stamped(at, copy["document"]) } : copy;
}
