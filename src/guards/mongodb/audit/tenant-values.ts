import type { Placement, Tenant } from "../../../scope/tenant.js";
import { identityOf } from "../command/tenant-value.js";

/** A tenant and where it lives, as `pw.tenants.all()` gives it. */
export type PlacedTenant = Tenant & { readonly placement: Placement };

/** Why the tenant field of a document is no known tenant's. */
export type Stray = "missing" | "several" | "type" | "unknown";

// BSON's name of what a tenant's value may be, by how its identity begins.
const TYPES: Readonly<Record<string, string>> = {
  string: "string",
  number: "number",
  id: "objectId",
  binary: "binData",
};

/** The values that name tenants, and of which types they are. */
export class TenantValues {
  /** By identity, the value as it is sent; undefined where the tenants are not known. */
  readonly known: ReadonlyMap<string, unknown> | undefined;
  /** BSON types; none where nothing is known of them. */
  readonly types: readonly string[];

  constructor(known: ReadonlyMap<string, unknown> | undefined, types: readonly string[]) {
    this.known = known;
    this.types = types;
  }

  /** Of these values. */
  static of(values: Iterable<unknown>): TenantValues {
    const known = new Map<string, unknown>();
    for (const value of values) {
      const identity = identityOf(value);
      if (identity !== undefined) known.set(identity, value);
    }
    return new TenantValues(known, [...new Set([...known.keys()].map(typeOf))]);
  }

  /** Why a value is no tenant's; undefined where it is one's. */
  strayOf(value: unknown): Stray | undefined {
    if (value === undefined || value === null || value === "") return "missing";
    if (Array.isArray(value)) return "several";
    const identity = identityOf(value);
    if (identity === undefined) return "type";
    if (this.types.length > 0 && !this.types.includes(typeOf(identity))) return "type";
    return this.known === undefined || this.known.has(identity) ? undefined : "unknown";
  }
}

/** BSON's name for the type of a value that has an identity. */
const typeOf = (identity: string): string =>
  TYPES[identity.slice(0, identity.indexOf(":"))] ?? "none";
