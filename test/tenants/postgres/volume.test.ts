import { afterAll, beforeAll, expect, test } from "vitest";
import { compareTenant } from "partywall/tenants";
import { describeEngine } from "../../support/engine.js";
import { buildEstate, type Estate } from "./estate.js";
import { inProcess } from "./in-process.js";

const ROWS = 200_000;
const MB = 1024 * 1024;

describeEngine("postgres", "a tenant with many rows", () => {
  let estate: Estate;
  beforeAll(async () => {
    const table = "id bigint primary key, parent bigint, name text, body text, at timestamptz";
    estate = await buildEstate(`
      create table rows (tenant_id uuid not null, ${table});
      create schema own; create table own.rows (${table});`);
    await estate.build({ tables: ["rows"] });
    await estate.superuser.query(
      `insert into rows select '00000000-0000-4000-8000-000000000001', n, n / 2, 'name ' || n, repeat(md5(n::text), 14), now() from generate_series(1, ${ROWS}) n;
       insert into rows select '00000000-0000-4000-8000-000000000002', -n, n, 'n', repeat('x', 1000000), now() from generate_series(1, 40) n`,
    );
  });
  afterAll(() => estate?.close());

  test.each([
    ["1", `${ROWS} rows`],
    ["2", "rows of 1 MB"],
  ])(
    "%s: %s are copied in a heap far smaller than they are",
    async (last, what) => {
      const tenantId = `00000000-0000-4000-8000-00000000000${last}`;
      const started = performance.now();
      const { peak, bytes } = await inProcess(
        estate.database.url,
        {
          do: "copy",
          from: { strategy: "row", tenantId },
          to: { strategy: "schema", schema: "own", tenantId },
        },
        // Node.js ends with an error where this does not do.
        { heapMb: 64 },
      );
      const seconds = (performance.now() - started) / 1000;
      console.info(
        `${what}: ${Math.round(bytes / MB)} MB of archive in ${seconds.toFixed(1)} s, at most ${Math.round(peak / MB)} MB of heap and buffers`,
      );
      if (last === "1") expect(bytes).toBeGreaterThan(90 * MB);
      const same = await compareTenant(
        await estate.row(tenantId),
        await estate.schema("own", tenantId),
      );
      expect(same).toMatchObject({ same: true });
      await estate.superuser.query("truncate own.rows");
    },
    120_000,
  );
});
