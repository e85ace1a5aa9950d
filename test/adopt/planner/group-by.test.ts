import { expect, test } from "vitest";
import { groupedByTenant } from "../../../src/adopt/planner/group-by.js";

const customers = { table: { schema: "public", name: "cu" }, key: ["id"], column: "tenant_id" };
const grouped = (definition: string) => groupedByTenant(definition, customers);

test("a table by its alias", () => {
  expect(grouped("SELECT c.id, c.name FROM public.cu c GROUP BY c.id;")).toBe(
    'SELECT c.id, c.name FROM public.cu c GROUP BY c.id, "c"."tenant_id";',
  );
});

test("a table alone, whose columns are written without it", () => {
  expect(grouped("SELECT id, name FROM public.cu GROUP BY id")).toBe(
    'SELECT id, name FROM public.cu GROUP BY id, "cu"."tenant_id"',
  );
});

test("before HAVING, ORDER BY and the end of a sub-select", () => {
  expect(
    grouped(
      "SELECT 1 FROM (SELECT c.name FROM (public.cu c LEFT JOIN public.o ON ((o.cid = c.id))) GROUP BY c.id HAVING (count(*) > 1)) x ORDER BY 1",
    ),
  ).toContain('GROUP BY c.id, "c"."tenant_id" HAVING');
  expect(grouped("SELECT (SELECT cu.name FROM public.cu GROUP BY cu.id) AS n")).toBe(
    'SELECT (SELECT cu.name FROM public.cu GROUP BY cu.id, "cu"."tenant_id") AS n',
  );
});

test("each GROUP BY of several, and only those of the table", () => {
  const both =
    "SELECT a.name FROM public.cu a GROUP BY a.id UNION SELECT b.name FROM public.other b GROUP BY b.id UNION SELECT c.name FROM public.cu c GROUP BY c.id";
  expect(grouped(both)).toBe(
    'SELECT a.name FROM public.cu a GROUP BY a.id, "a"."tenant_id" UNION SELECT b.name FROM public.other b GROUP BY b.id UNION SELECT c.name FROM public.cu c GROUP BY c.id, "c"."tenant_id"',
  );
});

test("a string or a quoted name that reads like one is none", () => {
  expect(
    grouped(`SELECT 'x GROUP BY c.id' AS s, c."group by" FROM public.cu c GROUP BY c.id`),
  ).toBe(
    `SELECT 'x GROUP BY c.id' AS s, c."group by" FROM public.cu c GROUP BY c.id, "c"."tenant_id"`,
  );
});

test("quoted names", () => {
  expect(
    groupedByTenant(`SELECT "A b".name FROM public."C u" "A b" GROUP BY "A b"."i d"`, {
      table: { schema: "public", name: "C u" },
      key: ["i d"],
      column: "tenant id",
    }),
  ).toContain(`GROUP BY "A b"."i d", "A b"."tenant id"`);
});

test("what cannot be told for sure is left to a person", () => {
  expect(grouped("SELECT lower(c.name) FROM public.cu c GROUP BY c.name")).toBeUndefined();
  expect(grouped("SELECT c.id FROM public.cu c GROUP BY ROLLUP(c.id)")).toBeUndefined();
});
