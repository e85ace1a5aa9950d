import type { AdoptOptions } from "partywall/adopt";

/** Types a tenant column may have. */
export type TenantType = "uuid" | "bigint" | "text";

/** Ids of the tenant that owns the rows which are there, by the type of its column. */
export const FIRST: Readonly<Record<TenantType, string>> = {
  uuid: "00000000-0000-4000-8000-00000000000a",
  bigint: "41",
  text: "first",
};

/** Ids of the tenant that comes later. */
export const SECOND: Readonly<Record<TenantType, string>> = {
  uuid: "00000000-0000-4000-8000-00000000000b",
  bigint: "9007199254740993",
  text: "second' or true --",
};

/** A query of the former application; a text alone shows no generated number. */
export type Query = string | { readonly sql: string; readonly showsNumbers: true };

/** Marks a query whose answer shows numbers out of a sequence, which differ from tenant to tenant. */
export const numbered = (sql: string): Query => ({ sql, showsNumbers: true });

/** Statements that the former application sends in one transaction, which it then commits. */
export type Write = readonly string[];

/** A tenant that is in the data before adoption. */
export interface Resident {
  readonly id: string;
  /** Takes every other tenant's rows out of the original, so that it shows what this tenant is to see. */
  readonly prune: string;
}

/** How the data are loaded a second time, for another tenant and through the guard. */
export interface Again {
  /** Default: the data as they are. */
  readonly data?: string;
  /** `same`: the second tenant's rows have the first one's ids; `fresh` (default): whatever the sequences give. */
  readonly ids?: "same" | "fresh";
}

/**
 * One single-tenant schema with one trait, and what is expected of its adoption. In every SQL text `@former@` stands for
 * the login that owns the schema, `@other@` for another role, and `@app@` for the application's login behind the wall.
 */
export interface Entry {
  readonly name: string;
  /** What it is here for, in a few words. */
  readonly trait: string;
  /** The first server version it can be built on, as `server_version_num`. */
  readonly since?: number;
  /** Run by the superuser before everything else. */
  readonly setup?: string;
  /** Run by the former application's login, as all that follows: tables, and the rows of shared tables. */
  readonly ddl: string;
  /** The tenant's rows: inserts, updates and deletes only, since they are loaded again through the guard. */
  readonly data: string;
  /** Run once behind the data: what only a filled schema can have. */
  readonly after?: string;
  /** Default `uuid`. */
  readonly tenantType?: TenantType;
  readonly options?: Partial<AdoptOptions>;
  readonly queries: readonly Query[];
  readonly writes?: readonly Write[];
  /** Committed by the former application between the phases, in the original too. */
  readonly meanwhile?: Write;
  /** Default: the data as they are, with fresh ids. `false` where they cannot be loaded twice. */
  readonly again?: Again | false;
  /** What adoption mends on the way, done to the original by hand so that the two can be compared. */
  readonly mended?: string;
  /** Tenants that are in the data; default: all of it is the first tenant's. */
  readonly residents?: readonly [Resident, Resident];
  /** Codes of the obstacles that stop the plan, in any order. */
  readonly obstacles?: readonly string[];
  /** Done to the original by hand, where an obstacle cannot be acknowledged. */
  readonly remedy?: string;
  /** Options that answer an obstacle which cannot be acknowledged. */
  readonly answer?: Partial<AdoptOptions>;
  /** Whether the expand phase promises to be taken back; default true. */
  readonly down?: boolean;
  /** Primary keys as they are to be, by table. */
  readonly primaryKeys?: Readonly<Record<string, readonly string[]>>;
  /** Errors that are others behind the wall, as `SQLSTATE constraint`. */
  readonly errors?: Readonly<Record<string, string>>;
  /** Where the catalogue may differ from the original by more than the tenant, as `section name`, and why. */
  readonly differs?: Readonly<Record<string, string>>;
}
