import { unstable_cache } from "next/cache";
import { workUnitAsyncStorage } from "next/dist/server/app-render/work-unit-async-storage.external";
import { headers } from "next/headers";
import { notFound } from "next/navigation";
import { createPartywall } from "partywall";
import { tenancy } from "partywall/frameworks/next";
import { guardPg } from "partywall/guards/postgres";
import { subdomain } from "partywall/resolvers";
import pg from "pg";
import { roleOf } from "./members";

const kept = globalThis as { goals?: ReturnType<typeof open> };

// One instance in the process, although Next.js loads this module once for each bundle.
export const pw = (kept.goals ??= open());

function open() {
  // Absent while Next.js builds, when nothing is connected.
  const { GOALS_SECRET: secret, GOALS_APP: app = "", GOALS_SYSTEM: system = "" } = process.env;
  return createPartywall({
    realm: "goals",
    secret,
    postgres: guardPg(pg, { app, system }),
  });
}

export const { route, action, enterTenant, cache, cacheKey, keyed, tag } = tenancy(pw, {
  resolve: subdomain("localhost"),
  // Stands for a login: never believe a header.
  principal: ({ headers: sent }) => sent.get("x-user") ?? undefined,
  authorize: ({ tenant, principal }) => roleOf(tenant.slug, principal) !== undefined,
  next: { headers, notFound, unstable_cache, workUnitAsyncStorage },
});
