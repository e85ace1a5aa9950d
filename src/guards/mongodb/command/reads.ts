import { access, type Access } from "./collections.js";
import { rulingFor, type CommandScope, type Document, type Ruling } from "./command-scope.js";
import { checkedFilter, scopedFilter } from "./filter.js";
import { scopedPipeline } from "./pipeline.js";
import { own, plain } from "./plain.js";
import { checkedProjection } from "./projection.js";
import { letPart } from "./writes.js";

/** The parts of `find` that change. */
export function findParts(at: CommandScope, command: Document): Document {
  const { how, ruling } = sourceOf(at, command, "find");
  const parts: Document = {
    filter: readFilter(ruling, how, own(command, "filter")),
    ...letPart(command),
  };
  const projection = own(command, "projection");
  if (projection !== undefined) parts["projection"] = checkedProjection(projection);
  return parts;
}

/** The parts of `count` or `distinct` that change. */
export function queryParts(at: CommandScope, command: Document, name: string): Document {
  const { how, ruling } = sourceOf(at, command, name);
  return { query: readFilter(ruling, how, own(command, "query")) };
}

/** The parts of `aggregate` that change; of a collection, or (`aggregate: 1`) of none. */
export function aggregateParts(at: CommandScope, command: Document): Document {
  if (command["aggregate"] === 1) {
    const ruling = rulingFor(at, "", plain(own(command, "collation")));
    return {
      pipeline: scopedPipeline(ruling, "none", own(command, "pipeline")),
      ...letPart(command),
    };
  }
  const { how, ruling } = sourceOf(at, command, "aggregate");
  return { pipeline: scopedPipeline(ruling, how, own(command, "pipeline")), ...letPart(command) };
}

function sourceOf(
  at: CommandScope,
  command: Document,
  name: string,
): { readonly how: Access; readonly ruling: Ruling } {
  const collection = command[name];
  const how = access(at, collection, "read");
  return { how, ruling: rulingFor(at, collection as string, plain(own(command, "collation"))) };
}

function readFilter(ruling: Ruling, how: Access, filter: unknown): Document {
  return how === "scoped" ? scopedFilter(ruling, filter) : checkedFilter(filter);
}
