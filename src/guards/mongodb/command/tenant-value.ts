import { PartywallError } from "../../../errors.js";
import type { CommandScope } from "./command-scope.js";
import { serialisable } from "./plain.js";

const FIELD = /^[^$.\0][^.\0]*$/;

/** What tells a scalar apart from every other in the database; undefined for what cannot be a tenant's value. */
export function identityOf(value: unknown): string | undefined {
  const raw = serialisable(value);
  if (typeof raw === "string") return raw === "" ? undefined : `string:${raw}`;
  if (typeof raw === "bigint") return `number:${String(raw)}`;
  if (typeof raw === "number") return Number.isFinite(raw) ? `number:${String(raw)}` : undefined;
  if (typeof raw !== "object" || raw === null) return undefined;
  if (raw instanceof Uint8Array) return `binary:0:${Buffer.from(raw).toString("hex")}`;
  const bson = raw as BsonScalar;
  switch (bson._bsontype) {
    case "ObjectId":
      return `id:${bson.toHexString()}`;
    case "Binary":
      return `binary:${String(bson.sub_type)}:${Buffer.from(bson.buffer.subarray(0, bson.position)).toString("hex")}`;
    case "Long":
    case "Int32":
    case "Double":
    case "Decimal128":
      return `number:${bson.toString()}`;
    default:
      return undefined;
  }
}

interface BsonScalar {
  readonly _bsontype?: unknown;
  readonly sub_type: number;
  readonly buffer: Uint8Array;
  readonly position: number;
  toHexString(): string;
  toString(): string;
}

/** The field and the value that a tenant's documents carry. Throws `PW_CONFIG` where they can carry none. */
export function stampOf(at: CommandScope): { readonly field: string; readonly tenant: unknown } {
  const { field, tenant } = at;
  if (!FIELD.test(field) || field === "_id" || field === "__proto__") {
    throw new PartywallError(
      "PW_CONFIG",
      "The tenant field of the MongoDB guard must be a name at the top of a document, without dot or dollar, and not _id.",
    );
  }
  if (identityOf(tenant) === undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      "The tenant's value of the MongoDB guard must be a string, a number or a BSON scalar.",
    );
  }
  return { field, tenant };
}

/** Whether a value is the tenant's. */
export function isTenants(at: CommandScope, value: unknown): boolean {
  const identity = identityOf(value);
  return identity !== undefined && identity === identityOf(at.tenant);
}

/** Whether a dotted path is the tenant field or leads into it. */
export const touchesTenant = (at: CommandScope, path: string): boolean =>
  path === at.field || path.startsWith(`${at.field}.`);
