import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { findingCodes } from "../../../src/cli/actions/audit.js";
import { checksFor } from "../../../src/guards/postgres/audit/checks.js";

const page = new URL("../../../docs/reference/audit.md", import.meta.url);

test("the page of the audit lists every code with its severity, and no other", async () => {
  const text = await readFile(page, "utf8");
  const rows = text.matchAll(/^\| `([a-z-]+)` +\| (critical|high|medium|low) /gm);
  const listed = [...rows].map(([, code, severity]) => `${code} ${severity}`);
  const nobody = { login: "nobody", system: "nobody", tenantColumn: "nothing" };
  const checks = checksFor(nobody, "nothing");
  expect(new Set(listed.map((row) => row.split(" ")[0]))).toEqual(new Set(findingCodes()));
  expect(listed).toHaveLength(findingCodes().length);
  for (const { code, severity } of checks) expect(listed).toContain(`${code} ${severity}`);
  expect(new Set(findingCodes()).size).toBe(findingCodes().length);
});
