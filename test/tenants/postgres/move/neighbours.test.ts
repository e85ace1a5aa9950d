import pg from "pg";
import type { Placement } from "partywall";
import { tenantMover, type TenantMover } from "partywall/tenants";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { buildTown, type Town } from "../../../guards/postgres/placement/town.js";
import { townHomes } from "./homes.js";

describeEngine("postgres", "moves out of and into tables that others share", () => {
  let town: Town;
  let mover: TenantMover;
  const schemaOf = (slug: string): Placement => ({
    strategy: "schema",
    name: `${town.database.name}_${slug}`,
  });

  beforeAll(async () => {
    town = await buildTown(
      [
        { slug: "anna", strategy: "row" },
        { slug: "ben", strategy: "row" },
      ],
      { guard: { budget: { connections: 30 } } },
    );
    const { pw, guard, database } = town;
    const homes = townHomes(town);
    mover = tenantMover(pg, { tenants: pw.tenants, guard, admin: database.url, homes });
  });
  afterAll(() => town.close());

  test("a neighbour's whole move does not end what is noted for another that waits", async () => {
    const stop = new AbortController();
    const stopped = mover.move({ slug: "anna" }, schemaOf("anna_s"), {
      signal: stop.signal,
      onProgress: ({ phase }) => {
        if (phase === "compare") stop.abort(new Error("stopped"));
      },
    });
    await expect(stopped).rejects.toThrow("stopped");
    await mover.move({ slug: "ben" }, schemaOf("ben_s"));
    await mover.confirm({ slug: "ben" });
    await town.as("anna", "update orders set note = 'written meanwhile' where id = 2");
    await mover.move({ slug: "anna" }, schemaOf("anna_s"));
    expect(await town.as("anna", "select note from orders where id = 2")).toEqual([
      { note: "written meanwhile" },
    ]);
    await mover.confirm({ slug: "anna" });
  });

  test("a move onto where the tenant lives, under another login or server's name, is refused", async () => {
    for (const to of [
      { ...schemaOf("anna_s"), secret: "other" },
      { ...schemaOf("anna_s"), server: "default" },
    ]) {
      await expect(mover.move({ slug: "anna" }, to)).rejects.toThrow("lives there already");
    }
    expect(await mover.status({ slug: "anna" })).toBeUndefined();
  });

  test("giving up leaves rows in shared tables that the move did not bring", async () => {
    const { superuser } = town.boroughs["default"]!;
    await superuser.query("insert into orders (tenant_id, id, note) values ($1, 77, 'older')", [
      town.id("anna"),
    ]);
    await expect(mover.move({ slug: "anna" }, { strategy: "row" })).rejects.toThrow(
      "hold rows of anna already",
    );
    await mover.giveUp({ slug: "anna" });
    const { rows } = await superuser.query("select note from orders where tenant_id = $1", [
      town.id("anna"),
    ]);
    expect(rows).toEqual([{ note: "older" }]);
    expect(await town.as("anna", "select count(*)::int as n from orders")).toEqual([{ n: 3 }]);
  });
});
