import { afterAll, beforeAll, expect, test } from "vitest";
import { compareTenant, copyTenant, eraseTenant, importTenant } from "partywall/tenants";
import { describeData } from "../../support/data.js";
import { buildChinook, script, TABLES, type Chinook } from "../../guards/postgres/chinook.js";
import { archiveOf, buildEstate, isClean, pieces, type Estate } from "./estate.js";

const ORIGINAL = "1";
const BACK = "77";

describeData("chinook", "postgres", "a music shop that moves house", () => {
  let chinook: Chinook;
  let estate: Estate;
  beforeAll(async () => {
    chinook = await buildChinook();
    estate = await buildEstate(`create schema shop; set search_path = shop; ${script().schema}`);
  }, 120_000);
  afterAll(async () => {
    await estate?.close();
    await chinook?.close();
  });

  test("from among five shops into a schema, a database, and back under another id, is the same shop", async () => {
    const others = await chinook.checksums(chinook.shops);
    const home = { client: chinook.unguarded, strategy: "row", tenantId: ORIGINAL } as const;
    const schema = await estate.schema("shop", ORIGINAL);
    const database = await estate.alone(ORIGINAL, script().schema);

    const archive = await archiveOf(home);
    const report = await importTenant(schema, pieces(archive, 65_536));
    expect(report.tables.map(({ table }) => table).toSorted()).toEqual(
      TABLES.map((table) => `shop.${table}`).toSorted(),
    );
    await copyTenant(schema, database);
    await copyTenant(database, { ...home, tenantId: BACK });

    for (const there of [schema, database]) {
      expect(await compareTenant(home, there)).toMatchObject({ same: true });
    }
    expect(await compareTenant({ ...database }, { ...home, tenantId: BACK })).toMatchObject({
      same: true,
    });
    // As the published script loads it into a database of its own.
    const alone = {
      client: chinook.shops[0]!.alone,
      strategy: "database",
      tenantId: ORIGINAL,
    } as const;
    expect(await compareTenant(alone, { ...home, tenantId: BACK })).toMatchObject({ same: true });
    const sibling = {
      client: chinook.shops[1]!.alone,
      strategy: "database",
      tenantId: "2",
    } as const;
    expect(await compareTenant(sibling, home)).toMatchObject({ same: false });
    expect(await chinook.checksums(chinook.shops)).toEqual(others);

    const erased = await eraseTenant(
      { ...home, tenantId: BACK },
      { record: { id: BACK, slug: "shop-back", status: "deleted" }, confirm: "shop-back" },
    );
    expect(erased).toMatchObject({ clean: true });
    expect(erased.removed).toContainEqual({ table: "public.track", rows: 3503 });
    expect(await chinook.checksums(chinook.shops)).toEqual(others);
    expect(await isClean(chinook.unguarded)).toBe(true);
  }, 120_000);
});
