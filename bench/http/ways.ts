import { AsyncLocalStorage } from "node:async_hooks";
import pg from "pg";
import type * as core from "partywall";
import type * as postgres from "partywall/guards/postgres";
import type * as resolvers from "partywall/resolvers";
import type { ContenderSpec } from "../support/contenders.js";
import { tenantIds, type ShopSize } from "../support/rows.js";
import { DOMAIN, slugOf, userOf, type Item, type Site } from "./site.js";

/** What is compared; the first is what the others are compared with. */
export const WAYS = [
  "by hand",
  "by hand, AsyncLocalStorage",
  "tenancy(), manual WHERE",
  "tenancy(), guarded",
  "tenancy(), guarded, prepared",
  "by hand, prepared",
] as const;

/** One of {@link WAYS}. */
export type Way = (typeof WAYS)[number];

/** What a way is opened with. */
export interface Opening {
  readonly way: Way;
  readonly size: ShopSize;
  /** Folder of the compiled package. */
  readonly folder: string;
  readonly raw: string;
  /** The guarded database and its logins. */
  readonly guarded: Pick<ContenderSpec, "url" | "systemUrl">;
}

const MAX = 16;
const WITH_TENANT = "select * from items where tenant_id = $1 and id = $2";
const WITHOUT_TENANT = "select * from items where id = $1";

/** The site of a way, its pool open. */
export async function openSite(opening: Opening): Promise<Site> {
  const { way, size } = opening;
  const members = new Map(tenantIds(size).map((id) => [userOf(id), id]));
  if (way.startsWith("by hand")) {
    const storage = new AsyncLocalStorage<string>();
    const ids = new Map(tenantIds(size).map((id) => [slugOf(id), id]));
    return {
      way: "by hand",
      admit: (host, user) => {
        const tenant = host?.endsWith(`.${DOMAIN}`)
          ? ids.get(host.slice(0, -DOMAIN.length - 1))
          : undefined;
        return tenant !== undefined && members.get(user as string) === tenant ? tenant : undefined;
      },
      around:
        way === "by hand, AsyncLocalStorage"
          ? (tenant, goOn) => storage.run(tenant, goOn)
          : (_, goOn) => goOn(),
      read: readByHand(opening),
    };
  }
  const { folder } = opening;
  const { createPartywall } = (await import(`${folder}/index.js`)) as typeof core;
  const { guardPg } = (await import(`${folder}/guards/postgres/index.js`)) as typeof postgres;
  const { subdomain } = (await import(`${folder}/resolvers/index.js`)) as typeof resolvers;
  const { url, systemUrl } = opening.guarded;
  const guard = guardPg(pg, {
    app: { connectionString: url, max: MAX },
    system: systemUrl,
    preparedStatements: way === "tenancy(), guarded, prepared",
  });
  const pw = createPartywall({
    realm: "bench",
    secret: "a secret of the benchmarks, 32 characters or more",
    postgres: guard,
    // The tenants are met at random, and a slice is short: what is measured is the request, not the registry.
    cache: { ttlMs: 3_600_000 },
  });
  for (const id of tenantIds(size)) {
    await pw.tenants.create({ id, slug: slugOf(id), name: id });
    await pw.tenants.get({ slug: slugOf(id) });
  }
  const byHand = readByHand(opening);
  const read =
    way === "tenancy(), manual WHERE"
      ? (id: number) => byHand(pw.current().id, id)
      : async (id: number) => (await guard.pool.query<Item>(WITHOUT_TENANT, [id])).rows[0];
  return {
    way: "tenancy",
    pw,
    folder,
    options: {
      resolve: [subdomain(DOMAIN)],
      principal: ({ headers }) => headers["x-user"],
      authorize: ({ tenant, principal }) => members.get(principal as string) === tenant.id,
    },
    read,
  };
}

function readByHand({ way, raw }: Opening) {
  const pool = new pg.Pool({ connectionString: raw, max: MAX });
  const statement =
    way === "by hand, prepared" ? { name: "by-id", text: WITH_TENANT } : WITH_TENANT;
  return async (tenant: string, id: number) =>
    (await pool.query<Item>(statement, [tenant, id])).rows[0];
}
