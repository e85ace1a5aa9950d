import type { CommandScope, Document } from "./command-scope.js";
import { checkExpression } from "./expression.js";
import { isDocument } from "./plain.js";
import { mismatched, named, refused } from "./refusal.js";
import { isTenants, stampOf, touchesTenant } from "./tenant-value.js";

/** Stages of an update pipeline, all of which see nothing but the document. */
export const UPDATE_STAGES: ReadonlySet<string> = new Set(
  "$addFields $set $project $unset $replaceRoot $replaceWith".split(" "),
);

/**
 * A pipeline that changes documents, ending in a stage that puts the tenant back whatever the ones before made of it. Throws
 * `PW_WRITE_MISMATCH` where a stage plainly sets or unsets it, `PW_STATEMENT_REFUSED` for another stage.
 */
export function updatePipeline(
  at: CommandScope,
  scoped: boolean,
  stages: readonly unknown[],
): Document[] {
  const checked = stages.map((stage) => checkedStage(at, scoped, stage));
  if (!scoped) return checked;
  const { field, tenant } = stampOf(at);
  return [...checked, { $set: { [field]: { $literal: tenant } } }];
}

function checkedStage(at: CommandScope, scoped: boolean, stage: unknown): Document {
  const [name = "", ...more] = isDocument(stage) ? Object.keys(stage) : [];
  if (!isDocument(stage) || !UPDATE_STAGES.has(name) || more.length > 0)
    throw refused(
      `The stage ${named(name)} is not allowed in an update`,
      "Use $set, $unset, $project or $replaceWith.",
    );
  const operand = stage[name];
  if (name !== "$unset") checkExpression(operand);
  if (scoped) refuseTenantField(at, name, operand);
  return stage;
}

function refuseTenantField(at: CommandScope, name: string, operand: unknown): void {
  const touched =
    name === "$unset"
      ? [operand].flat().some((path) => typeof path === "string" && touchesTenant(at, path))
      : (name === "$set" || name === "$addFields") &&
        isDocument(operand) &&
        Object.entries(operand).some(
          ([path, value]) => touchesTenant(at, path) && !isTenants(at, literal(value)),
        );
  if (touched)
    throw mismatched(
      `${named(name)} would change ${named(at.field)}, which says whose document it is`,
    );
}

function literal(value: unknown): unknown {
  if (isDocument(value) && Object.keys(value).join() === "$literal") return value["$literal"];
  // A string that begins with a dollar is a field's path.
  return typeof value === "string" && value.startsWith("$") ? undefined : value;
}
