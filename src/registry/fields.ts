import { PartywallError } from "../errors.js";
import { frozenJson, NotJsonError } from "../scope/frozen.js";
import type { SchemaIssue, StandardSchemaV1 } from "./standard-schema.js";

/** Where fields came from, which decides whose mistake a wrong one is. */
export type FieldsOrigin = "caller" | "store";

type FrozenFields = Readonly<Record<string, unknown>>;

/**
 * Validates fields with the schema, if there is one, and returns a deeply frozen copy of its output. Throws
 * `PW_TENANT_INVALID` for the caller's fields and `PW_REGISTRY_CONTRACT` for stored ones; the message names paths,
 * never values.
 */
export async function checkedFields(
  schema: StandardSchemaV1 | undefined,
  value: unknown,
  origin: FieldsOrigin,
): Promise<FrozenFields> {
  try {
    const given = frozenJson(value, "fields");
    const output =
      schema === undefined ? given : frozenJson(await validated(schema, given, origin), "fields");
    if (typeof output === "object" && output !== null && !Array.isArray(output))
      return output as FrozenFields;
    throw new NotJsonError("fields is not an object");
  } catch (error) {
    if (error instanceof NotJsonError) throw wrong(origin, error.message);
    throw error;
  }
}

async function validated(
  schema: StandardSchemaV1,
  value: unknown,
  origin: FieldsOrigin,
): Promise<unknown> {
  const result = await schema["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  throw wrong(origin, `the schema refuses ${result.issues.map(pathOf).join(", ")}`);
}

function pathOf({ path }: SchemaIssue): string {
  const keys = (path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  return ["fields", ...keys].join(".");
}

function wrong(origin: FieldsOrigin, what: string): PartywallError {
  return origin === "caller"
    ? new PartywallError("PW_TENANT_INVALID", `The tenant's fields are not valid: ${what}.`)
    : new PartywallError(
        "PW_REGISTRY_CONTRACT",
        `A stored tenant's fields are not valid: ${what}. Correct them with pw.tenants.update(), or let the schema accept them.`,
      );
}
