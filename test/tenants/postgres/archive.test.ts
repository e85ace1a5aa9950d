import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exportTenant, importTenant, type TenantDataProgress } from "partywall/tenants";
import { describeEngine } from "../../support/engine.js";
import { archiveOf, buildEstate, isClean, pieces, type Estate } from "./estate.js";

describeEngine("postgres", "an archive of a tenant", () => {
  let estate: Estate;
  let archive: string;
  let lines: string[];
  beforeAll(async () => {
    estate = await buildEstate(`
      create table notes (tenant_id bigint not null, id int not null, body text, primary key (tenant_id, id));
      create table tags (tenant_id bigint not null, note int, tag text not null, foreign key (tenant_id, note) references notes (tenant_id, id));`);
    await estate.build({ tables: ["notes", "tags"] });
    for (const id of [1, 2]) {
      await estate.superuser.query(
        "insert into notes select $1, n, 'body ' || n from generate_series(1, 300) n",
        [id],
      );
      await estate.superuser.query(
        "insert into tags select $1, n, 'é' from generate_series(1, 300) n",
        [id],
      );
    }
    archive = await archiveOf(await estate.row("1"));
    lines = archive.trimEnd().split("\n");
  });
  afterAll(() => estate?.close());
  const everything = async () => [await estate.rows("notes"), await estate.rows("tags")];

  test("is lines of JSON: what it is of, rows, and what there must be", () => {
    expect(JSON.parse(lines[0]!)).toMatchObject({
      partywall: "tenant-archive",
      version: 1,
      tenantId: "1",
      strategy: "row",
      tables: [
        {
          schema: "public",
          name: "notes",
          tenantColumn: "tenant_id",
          columns: [
            { name: "id", type: "integer" },
            { name: "body", type: "text" },
          ],
        },
        { name: "tags" },
      ],
    });
    expect(lines[1]).toBe('{"table":0}');
    expect(lines[2]).toBe('["1","body 1"]');
    expect(lines).toHaveLength(604);
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({
      end: true,
      tables: [{ rows: 300 }, { rows: 300 }],
    });
  });

  test.each<[string, (lines: string[]) => string[]]>([
    ["a value changed", (all) => all.with(5, all[5]!.replace("body", "bodY"))],
    ["a row left out", (all) => all.toSpliced(9, 1)],
    ["a row twice", (all) => all.toSpliced(400, 0, all[400]!)],
    ["two rows changed for each other", (all) => all.with(4, all[5]!).with(5, all[4]!)],
    ["a row of another table", (all) => all.toSpliced(2, 1).toSpliced(400, 0, all[2]!)],
    ["a value too many", (all) => all.with(5, '["4","body 4","x"]')],
    ["a number for a text", (all) => all.with(5, '[4,"body 4"]')],
    ["the tables in another order", (all) => all.with(1, '{"table":1}')],
    ["a table that is not there", (all) => all.toSpliced(-1, 0, '{"table":2}')],
    [
      "another tenant in the header",
      (all) => all.with(0, all[0]!.replace('"tenantId":"1"', '"tenantId":"9"')),
    ],
    [
      "columns changed for each other",
      (all) => all.with(0, all[0]!.replace("tenant_id", "other_id")),
    ],
    ["a later version", (all) => all.with(0, all[0]!.replace('"version":1', '"version":2'))],
    ["no header", (all) => all.slice(1)],
    ["no last line", (all) => all.slice(0, -1)],
    ["something behind the last line", (all) => [...all, all[5]!]],
    [
      "another count",
      (all) => [...all.slice(0, -1), all.at(-1)!.replace('"rows":300', '"rows":299')],
    ],
    ["no JSON", (all) => all.with(7, '["1","')],
    ["nothing", () => []],
  ])("is refused with %s, and nothing is left of it", async (_, change) => {
    const before = await everything();
    const to = await estate.row("3");
    const changed = change([...lines])
      .map((line) => `${line}\n`)
      .join("");
    await expect(importTenant(to, pieces(changed))).rejects.toMatchObject({
      code: "PW_ARCHIVE_INVALID",
    });
    expect(await isClean(to.client)).toBe(true);
    expect(await everything()).toEqual(before);
  });

  test("is refused wherever it is cut, and whatever byte is another", async () => {
    const before = await everything();
    const to = await estate.row("3");
    const bytes = Buffer.from(archive);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 2),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, bit, cut) => {
          const other = Buffer.from(bytes);
          other[at] = other[at]! ^ bit;
          const source = Readable.from([cut ? bytes.subarray(0, at + 1) : other]);
          await expect(importTenant(to, source)).rejects.toMatchObject({ name: "PartywallError" });
        },
      ),
      { numRuns: 60 },
    );
    expect(await isClean(to.client)).toBe(true);
    expect(await everything()).toEqual(before);
  });

  test("goes through a compressing stream and back", async () => {
    const chunks: Buffer[] = [];
    await pipeline(
      Readable.from(exportTenant(await estate.row("1"))),
      createGzip(),
      async (source) => {
        for await (const chunk of source) chunks.push(chunk as Buffer);
      },
    );
    const to = await estate.row("4");
    await expect(importTenant(to, Readable.from(chunks))).rejects.toMatchObject({
      code: "PW_ARCHIVE_INVALID",
      message: expect.stringContaining("decompress"),
    });
    const whole = Buffer.concat(chunks);
    for (const bytes of [whole.subarray(0, -50), Buffer.from(whole).fill(7, 200, 230)]) {
      const source = Readable.from([bytes]).pipe(createGunzip());
      await expect(importTenant(to, source)).rejects.toMatchObject({ code: "PW_ARCHIVE_INVALID" });
    }
    await importTenant(to, Readable.from(chunks).pipe(createGunzip()));
    expect(await estate.rows("tags", "tenant_id = 4")).toHaveLength(300);
  });

  test("is refused where the tenant has rows, and told apart by what differs", async () => {
    await expect(importTenant(await estate.row("2"), pieces(archive))).rejects.toMatchObject({
      code: "PW_TENANT_DATA_REFUSED",
      message: expect.stringContaining("There are rows in public.notes already"),
    });
    const odd = await estate.alone(
      "1",
      "create table notes (id bigint primary key, body text generated always as ('x') stored, author text not null)",
    );
    await expect(importTenant(odd, pieces(archive))).rejects.toMatchObject({
      code: "PW_TENANT_DATA_REFUSED",
      message: expect.stringMatching(
        /public\.notes\.id is bigint here and integer in the archive; public\.notes\.body is computed here; public\.notes\.author must be given.*; there is no tenant table tags/,
      ),
    });
    expect(await isClean(odd.client)).toBe(true);
  });

  test("two imports of one tenant at once do not both come in", async () => {
    const clients = [await estate.row("5"), await estate.row("5")];
    const outcomes = await Promise.allSettled(
      clients.map((to) => importTenant(to, pieces(archive))),
    );
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(await estate.rows("notes", "tenant_id = 5")).toHaveLength(300);
  });

  test("leaves the client free when it is left early, fails or is stopped; and refuses one that is busy", async () => {
    const from = await estate.row("1");
    for await (const chunk of exportTenant(from)) {
      if (chunk.startsWith("[")) break;
    }
    expect(await isClean(from.client)).toBe(true);
    const stopped = new AbortController();
    const seen: TenantDataProgress[] = [];
    const onProgress = (progress: TenantDataProgress) => {
      seen.push(progress);
      stopped.abort(new Error("enough"));
    };
    await expect(async () => {
      for await (const _ of exportTenant(from, { signal: stopped.signal, onProgress }));
    }).rejects.toThrow("enough");
    expect(seen[0]).toMatchObject({
      phase: "export",
      table: "public.notes",
      rows: 1,
      estimate: expect.any(Number),
    });
    expect(await isClean(from.client)).toBe(true);
    await from.client.query("begin");
    await expect(archiveOf(from)).rejects.toThrow("is in a transaction");
    await from.client.query("rollback");
    await expect(archiveOf({ ...from, strategy: "schema" })).rejects.toThrow("it is not named");
    await expect(archiveOf({ ...from, except: ["public.nope"] })).rejects.toThrow("public.nope");
    await expect(archiveOf({ ...from, tenantId: "x" })).rejects.toMatchObject({
      code: "PW_TENANT_DATA_FAILED",
    });
    expect(await isClean(from.client)).toBe(true);
  });
});
