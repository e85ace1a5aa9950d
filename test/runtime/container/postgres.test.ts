import { drizzle } from "drizzle-orm/node-postgres";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { guardDrizzle } from "partywall/adapters/drizzle";
import { tenantContainer, type UserContext } from "partywall/runtime/container";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildSite, type Site } from "../../guards/postgres/site.js";
import { describeEngine } from "../../support/engine.js";
import { KITS } from "./kits.js";

const goals = pgTable("goals", {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  title: text().notNull(),
  author: text().notNull(),
});

describeEngine("postgres", "services of a container on PostgreSQL", () => {
  let site: Site;
  let opened: Awaited<ReturnType<Site["open"]>>;
  beforeAll(async () => {
    site = await buildSite(
      "create table goals (tenant_id text not null, id integer primary key generated always as identity, title text not null, author text not null)",
    );
    await site.build({ tables: ["goals"] });
    opened = await site.open("acme", "globex");
  });
  afterAll(() => site.close());

  for (const kit of KITS)
    it(`gives each of 100 interleaved requests its tenant's rows: ${kit.name}`, async () => {
      await site.superuser.query("truncate goals");
      const { pw, guard } = opened;
      const root = kit.make();
      const handle = guardDrizzle(guard, drizzle({ client: guard.pool }));
      type Db = typeof handle;
      class Goals {
        readonly db: Db;
        readonly user: UserContext;
        constructor(db: Db, user: UserContext) {
          this.db = db;
          this.user = user;
        }
        add(title: string) {
          return this.db.insert(goals).values({ title, author: String(this.user.principal) });
        }
        all() {
          return this.db.select().from(goals).orderBy(goals.id);
        }
        inTransaction(title: string) {
          return this.db.transaction(async (tx) => {
            await tx.insert(goals).values({ title, author: String(this.user.principal) });
            return tx.$count(goals);
          });
        }
      }
      const containers = tenantContainer(pw, root.port, {
        bindings: [
          { token: "db", useValue: handle },
          { token: "goals", useClass: root.takes(Goals, ["db", "user"]) },
        ],
        userContext: "user",
      });
      const service = <T>(tenant: string, at: number, use: (goals: Goals) => Promise<T>) =>
        containers.run(tenant, ({ get }) => use(get<Goals>("goals")), {
          principal: `${tenant}-${at}`,
        });
      const foreign = await Promise.all(
        Array.from({ length: 100 }, (_, at) => {
          const tenant = at % 2 === 0 ? "acme" : "globex";
          return service(tenant, at, async (found) => {
            if (at % 4 < 2) await found.add(`goal of ${tenant}`);
            else await found.inTransaction(`goal of ${tenant}`);
            return (await found.all()).filter((row) => row.title !== `goal of ${tenant}`);
          });
        }),
      );
      expect(foreign.flat()).toEqual([]);
      const { rows } = await site.superuser.query(
        "select tenant_id, title, count(*)::int as n, bool_and(author like tenant_id || '-%') as own from goals group by 1, 2 order by 1",
      );
      expect(rows).toEqual([
        { tenant_id: "acme", title: "goal of acme", n: 50, own: true },
        { tenant_id: "globex", title: "goal of globex", n: 50, own: true },
      ]);

      // Kept by one tenant's request and used in the other's: nothing is read and nothing written.
      let kept: Goals | undefined;
      await service("acme", 0, async (found) => void (kept = found));
      const before = await count(site);
      await expect(service("globex", 1, async () => kept?.add("escaped"))).rejects.toMatchObject({
        code: "PW_CONTAINER_SCOPE",
      });
      await expect(service("globex", 1, async () => kept?.all())).rejects.toMatchObject({
        code: "PW_CONTAINER_SCOPE",
      });
      await expect((async () => kept?.all())()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
      expect(await count(site)).toBe(before);
    });
});

async function count(site: Site): Promise<number> {
  const { rows } = await site.superuser.query("select count(*)::int as n from goals");
  return (rows[0] as { n: number }).n;
}
