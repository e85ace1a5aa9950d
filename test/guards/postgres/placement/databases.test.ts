import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { urlAs } from "../../../support/postgres.js";
import { buildTown, type Town } from "./town.js";

const OWN = "select note from orders order by id";

describeEngine("postgres", "a database that is not its tenant's home", () => {
  let town: Town;
  let other: ReturnType<Town["elsewhere"]> | undefined;

  beforeAll(async () => {
    town = await buildTown(
      [
        { slug: "anna", strategy: "row" },
        { slug: "carla", strategy: "schema" },
        { slug: "fred", strategy: "database" },
        { slug: "gus", strategy: "database" },
      ],
      { guard: { budget: { waitMs: 500 } } },
    );
  });
  afterEach(async () => {
    await other?.close();
    other = undefined;
  });
  afterAll(() => town.close());

  const superuser = () => town.boroughs["default"]!.superuser;
  const nameOf = (slug: string) => `${town.database.name}_${slug}`;
  const own = (slug: string) => [1, 2, 3].map((n) => ({ note: `${slug}${n}` }));
  /** Asks in a process that has no connection to the tenant's database yet. */
  const asks = async (slug: string, text: string) => {
    other ??= town.elsewhere();
    const { pool } = other.postgres;
    return (await other.run({ slug }, () => pool.query(text))).rows as unknown[];
  };
  const refused = async (slug: string) => {
    for (const text of [OWN, "delete from orders", "select 1"]) {
      await expect(asks(slug, text)).rejects.toMatchObject({ code: "PW_PLACEMENT_STALE" });
    }
  };

  test.each([
    ["nobody's", () => "null"],
    ["another tenant's", () => `'partywall: home of tenant ${town.id("gus")}'`],
    ["a longer id's", () => `'partywall: home of tenant ${town.id("fred")}0'`],
  ])("marked as %s is refused before any statement", async (_what, mark) => {
    await superuser().query(`comment on database ${nameOf("fred")} is ${mark()}`);
    try {
      await refused("fred");
      expect(await town.rows("fred")).toHaveLength(3);
      expect(await asks("gus", OWN)).toEqual(own("gus"));
    } finally {
      await superuser().query(
        `comment on database ${nameOf("fred")} is 'partywall: home of tenant ${town.id("fred")}'`,
      );
    }
    expect(await asks("fred", OWN)).toEqual(own("fred"));
  });

  test("which another tenant knows by name is out of its reach", async () => {
    for (const slug of ["anna", "carla", "gus"]) {
      await expect(
        town.as(slug, `select * from ${nameOf("fred")}.public.orders`),
      ).rejects.toMatchObject({ code: "0A000" });
      await expect(town.as(slug, `drop database ${nameOf("fred")}`)).rejects.toMatchObject({
        code: expect.stringMatching(/^(25001|42501)$/) as string,
      });
      await expect(
        town.as(slug, `comment on database ${nameOf("fred")} is null`),
      ).rejects.toMatchObject({ code: "42501" });
      await expect(town.as(slug, "select pg_read_file('postgresql.conf')")).rejects.toMatchObject({
        code: "42501",
      });
    }
    for (const extension of ["dblink", "postgres_fdw"]) {
      await expect(town.as("gus", `create extension ${extension}`)).rejects.toMatchObject({
        code: "42501",
      });
    }
    expect(await town.as("fred", OWN)).toEqual(own("fred"));
    // Conceded: the names and marks of all databases of a server can be read.
    const marks =
      "select shobj_description(oid, 'pg_database') as mark from pg_database where datname = $1";
    expect(await town.as("gus", marks, [nameOf("fred")])).toEqual([
      { mark: `partywall: home of tenant ${town.id("fred")}` },
    ]);
  });

  test("is suspended once its connections have left, where the system login may not end them", async () => {
    const { app, system } = town.roles;
    const url = town.login(town.boroughs["default"]!.database, app);
    const linger = async () => {
      const client = new pg.Client({ connectionString: urlAs(url, { database: nameOf("gus") }) });
      await client.connect();
      return client;
    };
    await superuser().query(`revoke pg_signal_backend from ${system}`);
    try {
      const leaving = await linger();
      const suspended = town.pw.tenants.suspend(town.id("gus"));
      await sleep(100);
      await leaving.end();
      await suspended;
      await town.pw.tenants.restore(town.id("gus"));
      const staying = await linger();
      await expect(town.pw.tenants.suspend(town.id("gus"))).rejects.toMatchObject({
        code: "PW_GUARD_FAILED",
        cause: { code: "PW_SEAL_REFUSED", cause: { errors: [{ code: "42501" }] } },
      });
      await staying.end();
      await town.pw.tenants.suspend(town.id("gus"));
    } finally {
      await superuser().query(`grant pg_signal_backend to ${system}`);
    }
    await town.pw.tenants.restore(town.id("gus"));
    expect(await town.as("gus", OWN)).toEqual(own("gus"));
  });

  // Last: it ends the eyes' connections, too.
  test("renamed into another tenant's name under the process never gives that tenant its rows", async () => {
    expect(await town.as("fred", OWN)).toEqual(own("fred"));
    expect(await town.as("gus", OWN)).toEqual(own("gus"));
    const [fred, gus] = [nameOf("fred"), nameOf("gus")];
    const rename = async (from: string, to: string) => {
      await superuser().query(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1",
        [from],
      );
      await superuser().query(`alter database ${from} rename to ${to}`);
    };
    const swap = async () => {
      await rename(fred, `${fred}_away`);
      await rename(gus, fred);
      await rename(`${fred}_away`, gus);
    };
    await swap();
    try {
      for (const slug of ["fred", "gus"]) {
        for (const text of [OWN, "delete from orders", "insert into orders (id) values (7)"]) {
          await expect(town.as(slug, text)).rejects.toMatchObject({ code: "PW_PLACEMENT_STALE" });
        }
        await refused(slug);
      }
      expect(await town.as("anna", OWN)).toEqual(own("anna"));
    } finally {
      await swap();
    }
    for (const slug of ["fred", "gus"]) {
      expect(await asks(slug, OWN)).toEqual(own(slug));
      const eye = new pg.Client({
        connectionString: urlAs(town.database.url, { database: nameOf(slug) }),
      });
      await eye.connect();
      expect((await eye.query(OWN)).rows).toEqual(own(slug));
      await eye.end();
    }
  });
});
