import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { buildShop, type Shop } from "./shop.js";

describeEngine("postgres", "partywall tenant export, import, erase", () => {
  let shop: Shop;
  const [acme, globex, copy] = [randomUUID(), randomUUID(), randomUUID()];
  const run = (...args: string[]) =>
    shop.project.run(["tenant", ...args], { PARTYWALL_DATABASE_URL: shop.database.url });
  const orders = (id: string) =>
    shop.rows("select id, note from orders where tenant_id = $1 order by id", [id]);
  const file = (name: string) => join(shop.project.folder, name);
  beforeAll(async () => {
    shop = await buildShop();
    for (const [slug, id] of [
      ["acme", acme],
      ["globex", globex],
      ["copy", copy],
    ]) {
      await run(..."create --name X".split(" "), "--slug", slug!, "--id", id!);
    }
    for (const id of [acme, globex]) {
      await shop.rows(
        "insert into orders select $1, n, 'order ' || n from generate_series(1, 2500) n",
        [id],
      );
    }
  });
  afterAll(() => shop?.close());

  test("a tenant is written to a file of its owner's alone, and comes back under another id", async () => {
    const written = await run("export", "acme", "--out", "acme.ndjson.gz", "--json");
    expect(written.code).toBe(0);
    expect(JSON.parse(written.stdout)).toMatchObject({
      tenantId: acme,
      tables: [{ table: "public.orders", rows: 2500 }],
    });
    expect(statSync(file("acme.ndjson.gz")).mode & 0o777).toBe(0o600);
    const others = await orders(globex);
    const outcome = await run("import", "copy", "--in", "acme.ndjson.gz");
    expect(outcome).toMatchObject({ code: 0 });
    expect(outcome.stdout).toContain("2500 rows of 1 tables brought in for copy, and verified.");
    expect(await orders(copy)).toEqual(await orders(acme));
    expect(await orders(globex)).toEqual(others);
  });

  test("nothing is written over, and nothing comes in twice or from nowhere", async () => {
    await run("export", "globex", "--out", "globex.ndjson");
    for (const [args, code, told] of [
      [["export", "acme", "--out", "globex.ndjson"], 2, "which is there already"],
      [["export", "acme", "--out", "no/such/folder.ndjson"], 2, "cannot be written"],
      [["export", "nobody", "--out", "x"], 1, "There is no tenant"],
      [["export", "acme", "--out", "x", "--except", "public.nope"], 1, "public.nope"],
      [["import", "copy", "--in", "globex.ndjson"], 1, "There are rows in public.orders already"],
      [["import", "copy", "--in", "missing"], 2, "which is not there"],
      [["import", "copy", "--in", "partywall.config.ts"], 1, "is no JSON"],
    ] as const) {
      const outcome = await run(...args);
      expect(outcome.code, args.join(" ")).toBe(code);
      expect(outcome.stderr).toContain(told);
    }
    expect(readdirSync(shop.project.folder).filter((name) => name.endsWith(".part"))).toEqual([]);
    expect(existsSync(file("x"))).toBe(false);
  });

  test("erase is refused while the tenant is active or its slug is not named; a dry run only tells", async () => {
    for (const [flags, code, told] of [
      [["--yes"], 2, "Nothing was done."],
      [["--confirm", "globex"], 2, "Nothing was done."],
      [["--confirm", "acme"], 1, "is active"],
    ] as const) {
      const outcome = await run("erase", "acme", ...flags);
      expect(outcome.code).toBe(code);
      expect(outcome.stderr).toContain(told);
    }
    const dry = await run("erase", "acme", "--dry-run");
    expect(dry).toMatchObject({ code: 0 });
    expect(dry.stdout).toContain("2500 rows of 1 tables would go.");
    expect(await orders(acme)).toHaveLength(2500);
  });

  test("erase removes the rows of the tenant alone, and exits with 1 where something is left", async () => {
    const others = [await orders(globex), await orders(copy)];
    await run("suspend", "acme", "--confirm", "acme");
    await shop.rows("create table history (id int, owner text)");
    await shop.rows("insert into history values (1, $1)", [acme]);
    const left = await run(
      "erase",
      "acme",
      "--confirm",
      "acme",
      "--scan-column",
      "owner",
      "--json",
    );
    expect(left.code).toBe(1);
    expect(JSON.parse(left.stdout)).toMatchObject({
      clean: false,
      removed: [{ table: "public.orders", rows: 2500 }],
      scan: { found: [{ table: "public.history", column: "owner", rows: 1 }] },
    });
    await shop.rows("drop table history");
    // A deleted tenant is out of every listing, and can still be erased.
    await shop.rows("update partywall.tenants set status = 'deleted' where id = $1", [acme]);
    const clean = await run("erase", "acme", "--confirm", "acme", "--batch-rows", "10");
    expect(clean).toMatchObject({ code: 0 });
    expect(clean.stdout).toContain("Nothing is left");
    expect([await orders(globex), await orders(copy)]).toEqual(others);
    expect(await orders(acme)).toEqual([]);
  });
});
