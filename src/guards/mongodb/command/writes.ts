import { access } from "./collections.js";
import { rulingFor, type CommandScope, type Document } from "./command-scope.js";
import { listOf, stamped } from "./documents.js";
import { checkedExpression } from "./expression.js";
import { own, plain } from "./plain.js";
import { checkedProjection } from "./projection.js";
import { filterFor, scopedStatement, type StatementForm } from "./statements.js";
import { checkedArrayFilters, checkedUpdate, seeding } from "./update.js";

const UPDATE: StatementForm = {
  filter: "q",
  update: "u",
  members: new Set("q u c upsert multi collation arrayFilters hint sort".split(" ")),
};
const DELETE: StatementForm = {
  filter: "q",
  members: new Set("q limit collation hint".split(" ")),
};

/** The parts of `insert` that change. */
export function insertParts(at: CommandScope, command: Document): Document {
  const how = access(at, command["insert"], "write");
  const documents = listOf(own(command, "documents"), "documents");
  return { documents: how === "open" ? documents : documents.map((one) => stamped(at, one)) };
}

/** The parts of `update` that change. */
export const updateParts = (at: CommandScope, command: Document): Document =>
  bulkParts(at, command, "update", "updates", UPDATE);

/** The parts of `delete` that change. */
export const deleteParts = (at: CommandScope, command: Document): Document =>
  bulkParts(at, command, "delete", "deletes", DELETE);

function bulkParts(
  at: CommandScope,
  command: Document,
  name: string,
  option: string,
  form: StatementForm,
): Document {
  const collection = command[name] as string;
  const how = access(at, collection, "write");
  const statements = listOf(own(command, option), option).map((one) =>
    scopedStatement(at, collection, how, form, one),
  );
  return { [option]: statements, ...letPart(command) };
}

/** The parts of `findAndModify` that change. */
export function findAndModifyParts(at: CommandScope, command: Document, name: string): Document {
  const collection = command[name] as string;
  const how = access(at, collection, "write");
  const ruling = rulingFor(at, collection, plain(own(command, "collation")));
  const parts: Document = {
    query: filterFor(ruling, how, own(command, "query"), own(command, "upsert")),
    ...letPart(command),
  };
  const update = own(command, "update");
  if (update !== undefined) {
    const checked = checkedUpdate(at, how === "scoped", update);
    const seeds = how === "scoped" && Boolean(own(command, "upsert"));
    parts["update"] = seeds ? seeding(at, checked) : checked;
  }
  if (own(command, "fields") !== undefined) parts["fields"] = checkedProjection(command["fields"]);
  if (own(command, "arrayFilters") !== undefined)
    parts["arrayFilters"] = checkedArrayFilters(command["arrayFilters"]);
  return parts;
}

/** The variables of a command, checked. */
export function letPart(command: Document): Document {
  const given = own(command, "let");
  return given === undefined ? {} : { let: checkedExpression(given) };
}
