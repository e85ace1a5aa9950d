import { PartywallError } from "../errors.js";
import { frozenJson, NotJsonError } from "../scope/frozen.js";
import type { SchemaIssue, StandardSchemaV1 } from "./standard-schema.js";

/** What of a tenant the application types with a schema. */
export type Typed = "fields" | "settings";

/** Where fields came from, which decides whose mistake a wrong one is. */
export type FieldsOrigin = "caller" | "store";

type FrozenFields = Readonly<Record<string, unknown>>;

/**
 * Validates fields or settings with the schema, if there is one, and returns a deeply frozen copy of its output. Throws
 * `PW_TENANT_INVALID` for the caller's fields and `PW_REGISTRY_CONTRACT` for stored ones; the message names paths,
 * never values.
 */
export async function checkedFields(
  schema: StandardSchemaV1 | undefined,
  value: unknown,
  origin: FieldsOrigin,
  what: Typed = "fields",
): Promise<FrozenFields> {
  try {
    const given = frozenJson(value, what);
    const output =
      schema === undefined ? given : frozenJson(await validated(schema, given, origin, what), what);
    if (typeof output === "object" && output !== null && !Array.isArray(output))
      return output as FrozenFields;
    throw new NotJsonError(`${what} is not an object`);
  } catch (error) {
    if (error instanceof NotJsonError) throw wrong(origin, what, error.message);
    throw error;
  }
}

async function validated(
  schema: StandardSchemaV1,
  value: unknown,
  origin: FieldsOrigin,
  what: Typed,
): Promise<unknown> {
  const result = await schema["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  const paths = result.issues.map((issue) => pathOf(issue, what));
  throw wrong(origin, what, `the schema refuses ${paths.join(", ")}`);
}

function pathOf({ path }: SchemaIssue, what: Typed): string {
  const keys = (path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  return [what, ...keys].join(".");
}

const CORRECTED_BY = { fields: "pw.tenants.update()", settings: "pw.tenants.updateSettings()" };

function wrong(origin: FieldsOrigin, what: Typed, why: string): PartywallError {
  return origin === "caller"
    ? new PartywallError("PW_TENANT_INVALID", `The tenant's ${what} are not valid: ${why}.`)
    : new PartywallError(
        "PW_REGISTRY_CONTRACT",
        `A stored tenant's ${what} are not valid: ${why}. Correct them with ${CORRECTED_BY[what]}, or let the schema accept them.`,
      );
}
