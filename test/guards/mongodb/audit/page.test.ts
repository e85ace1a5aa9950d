import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { CHECKS } from "../../../../src/guards/mongodb/audit/checks.js";

const page = new URL("../../../../docs/reference/audit.md", import.meta.url);

test("the page of the audit lists every code of MongoDB with its severity", async () => {
  const text = await readFile(page, "utf8");
  const rows = text.slice(text.indexOf("\n## MongoDB")).matchAll(/^\| `([a-z-]+)` +\| (\w+) /gm);
  const severities = new Set(["critical", "high", "medium", "low"]);
  const listed = [...rows]
    .filter(([, , severity]) => severities.has(severity!))
    .map(([, code, severity]) => `${code} ${severity}`);
  expect(listed.toSorted()).toEqual(
    CHECKS.map(({ code, severity }) => `${code} ${severity}`).toSorted(),
  );
});
