import { cacheTag, updateTag } from "next/cache";
import type { TenantCacheKey } from "partywall/frameworks/next";
import { cache, cacheKey, keyed, pw, tag } from "./tenancy";

export interface Goal {
  readonly id: number;
  readonly title: string;
  readonly author: string;
}

/** The goals of the tenant, without a filter that says so. */
export async function list(): Promise<Goal[]> {
  const { rows } = await pw.postgres.pool.query<Goal>(
    "select id, title, author from goals order by id",
  );
  return rows;
}

export async function add(title: string, author: string): Promise<void> {
  await pw.postgres.pool.query("insert into goals (title, author) values ($1, $2)", [
    title,
    author,
  ]);
  updateTag(tag("goals"));
}

/** How many there are: one cached result for each tenant. */
export const count = () => countOf(cacheKey());

async function countOf(tenant: TenantCacheKey) {
  "use cache";
  return keyed(tenant, async () => {
    cacheTag(tag("goals"));
    return (await list()).length;
  });
}

/** Who has written goals; with the older `unstable_cache`, likewise. */
export const authors = cache(
  async () => [...new Set((await list()).map(({ author }) => author))],
  ["authors"],
  { tags: ["goals"] },
);
