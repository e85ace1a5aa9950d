import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { buildTown, type Town } from "./town.js";

const OWN = ["fay", "gus", "hal"];

describeEngine("postgres", "pools of tenants with a place of their own", () => {
  let town: Town;
  const failing = new Set<string>();

  beforeAll(async () => {
    town = await buildTown(
      [
        { slug: "ann", strategy: "row" },
        ...OWN.map((slug) => ({ slug, strategy: "database" as const, own: true })),
      ],
      {
        guard: {
          credentials: async (secret) => {
            town?.asked.push(secret);
            if ([...failing].some((slug) => secret.endsWith(`_${slug}_login`))) {
              throw new Error("the vault is sealed: s3cret");
            }
            return { user: secret, password: "secret" };
          },
        },
      },
    );
  });
  afterAll(() => town.close());

  const first = (slug: string) => town.as(slug, "select note from orders where id = 1");

  test("are opened once, however many callers come at once", async () => {
    town.asked.length = 0;
    const answers = await Promise.all(Array.from({ length: 30 }, () => first("fay")));
    expect(answers).toEqual(answers.map(() => [{ note: "fay1" }]));
    expect(town.asked.filter((secret) => secret.endsWith("_fay_login"))).toHaveLength(1);
  });

  test("of others are not held up by one whose login cannot be had, which is tried again", async () => {
    failing.add("gus");
    const refused = first("gus");
    await expect(refused).rejects.toMatchObject({ code: "PW_PLACEMENT" });
    await expect(refused).rejects.not.toThrow("s3cret");
    expect(await first("hal")).toEqual([{ note: "hal1" }]);
    failing.clear();
    expect(await first("gus")).toEqual([{ note: "gus1" }]);
  });
});

describeEngine("postgres", "connections of tenants who are idle", () => {
  let town: Town;

  beforeAll(async () => {
    town = await buildTown(
      ["kit", "lou", "max"].map((slug) => ({ slug, strategy: "database" as const })),
      { app: { idleTimeoutMillis: 100 } },
    );
  });
  afterAll(() => town.close());

  test("are closed, and opened again for who comes back", async () => {
    const ask = () =>
      Promise.all(
        ["kit", "lou", "max"].map((slug) => town.as(slug, "select note from orders where id = 1")),
      );
    const open = async () => {
      const { rows } = await town.boroughs["default"]!.superuser.query(
        "select count(*)::int as n from pg_stat_activity where usename = $1 and datname <> current_database()",
        [town.roles.app],
      );
      return rows[0].n as number;
    };
    await ask();
    expect(await open()).toBe(3);
    await expect.poll(open).toBe(0);
    expect(await ask()).toEqual([[{ note: "kit1" }], [{ note: "lou1" }], [{ note: "max1" }]]);
  });
});
