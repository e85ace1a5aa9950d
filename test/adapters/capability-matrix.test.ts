import { readdirSync, readFileSync } from "node:fs";
import { CAPABILITIES, type Capability, type ConformanceResult } from "partywall/testing";
import { expect, test } from "vitest";
import { differences, matrixIn, matrixOf, pageOf } from "../support/capability-matrix.js";

const all = Object.keys(CAPABILITIES) as Capability[];
const column = (subject: string, change: Partial<ConformanceResult> = {}): ConformanceResult[] =>
  all.map((capability) => ({
    subject,
    strategy: "row",
    capability,
    outcome: "passed",
    ...(capability === "stream" && change),
  }));

test("a page that is read back says what was found", () => {
  const found = matrixOf([
    ...column("One"),
    ...column("Two", { outcome: "skipped", reason: "it has no streams" }),
  ]);
  expect(differences(found, matrixIn(pageOf(found)))).toEqual([]);
});

test("a page that says more than was found, less, or another reason, is told", () => {
  const said = matrixIn(
    pageOf(matrixOf([...column("One"), ...column("Two", { outcome: "skipped", reason: "none" })])),
  );
  const differ = (results: ConformanceResult[]) => differences(matrixOf(results), said);
  expect(differ(column("One", { outcome: "failed" }))).toHaveLength(1);
  expect(differ([...column("One", { outcome: "failed" }), ...column("One")])).toHaveLength(1);
  expect(differ(column("Two"))).toHaveLength(1);
  expect(differ(column("Two", { outcome: "skipped", reason: "other" }))).toHaveLength(1);
  expect(differ(column("Three"))).toEqual(["Three is not in it"]);
  expect(differ(column("One"))).toEqual([]);
});

test("an ORM of which a part was run is not compared", () => {
  expect([...matrixOf(column("One").slice(1)).keys()]).toEqual([]);
});

test("the page has a column for every ORM that has a suite", () => {
  const here = new URL(".", import.meta.url);
  const suites = readdirSync(here, { withFileTypes: true }).filter(
    (one) =>
      one.isDirectory() &&
      readdirSync(new URL(`${one.name}/`, here)).includes("conformance.test.ts"),
  );
  const page = readFileSync(new URL("../../docs/adapters/capabilities.md", here), "utf8");
  expect(matrixIn(page).size).toBe(suites.length);
});
