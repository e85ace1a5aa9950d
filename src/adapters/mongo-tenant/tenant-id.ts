import { PartywallError } from "../../errors.js";

/**
 * The id of a tenant in the registry, by what an application calls it: a text, a number or an `ObjectId`. Throws
 * `PW_TENANT_INVALID` for anything else, which a request may have brought.
 */
export function tenantIdOf(value: unknown, accessor: string): string {
  if (typeof value === "string" && value !== "") return value;
  if ((typeof value === "number" && Number.isFinite(value)) || typeof value === "bigint")
    return String(value);
  const hex: unknown = Reflect.get(Object(value) as object, "toHexString");
  if (typeof hex === "function") return String(Reflect.apply(hex, value, []));
  throw new PartywallError(
    "PW_TENANT_INVALID",
    `${accessor}() needs the id of a tenant: a text, a number or an ObjectId.`,
  );
}
