import type pg from "pg";
import type { Partywall } from "partywall";
import type { chain } from "partywall/resolvers";
import type { Wanted } from "../support/rows.js";

/** The domain whose subdomains are the tenants. */
export const DOMAIN = "shops.example";

/** A row of the table that is read. */
export type Item = pg.QueryResultRow;

/** How a request is admitted and its row read. */
export type Site = SiteByHand | GuardedSite;

/** The tenant found and checked by the application's own code, and named in every statement. */
export interface SiteByHand {
  readonly way: "by hand";
  /** Id of the tenant that the host names, if the user may enter it. */
  readonly admit: (host: string | undefined, user: unknown) => string | undefined;
  /** Goes on with the request, perhaps with the tenant in an AsyncLocalStorage. */
  readonly around: (tenant: string, goOn: () => void) => void;
  readonly read: (tenant: string, id: number) => Promise<Item | undefined>;
}

/** The tenant found and checked by `tenancy()`, and current. */
export interface GuardedSite {
  readonly way: "tenancy";
  readonly pw: Partywall;
  /** Folder of the compiled package. */
  readonly folder: string;
  readonly options: {
    readonly resolve: Parameters<typeof chain>[0];
    readonly principal: (req: { readonly headers: Readonly<Record<string, unknown>> }) => unknown;
    readonly authorize: (asked: {
      readonly tenant: { readonly id: string };
      readonly principal: unknown;
    }) => boolean;
  };
  readonly read: (id: number) => Promise<Item | undefined>;
}

/** The application in one framework: `GET /items/:id` answers with the row. */
export interface Framework {
  readonly name: string;
  /** Listens on a free port of 127.0.0.1 and returns it. */
  readonly listen: (site: Site) => Promise<number>;
}

/** The request that asks for a row, as a member of the tenant. */
export function requestFor({ tenant, id }: Wanted): {
  readonly path: string;
  readonly headers: Readonly<Record<"host" | "x-user", string>>;
} {
  return {
    path: `/items/${id}`,
    headers: { host: `${slugOf(tenant)}.${DOMAIN}`, "x-user": userOf(tenant) },
  };
}

export function slugOf(tenant: string): string {
  return `t-${tenant}`;
}

/** The one member a tenant has. */
export function userOf(tenant: string): string {
  return `user of ${tenant}`;
}
