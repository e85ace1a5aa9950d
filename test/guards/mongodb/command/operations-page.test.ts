import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { operationsPage } from "./operations-page.js";

const PAGE = new URL("../../../../docs/guards/mongodb-operations.md", import.meta.url);
// The formatter aligns tables and wraps nothing.
const unaligned = (page: string) =>
  page.replaceAll(/ +/g, " ").replaceAll(/:?-{3,}:?|:-+:/g, "---");

test("the page of operations says what the guard does", () => {
  if (process.env["PARTYWALL_MATRIX"] === "write") writeFileSync(PAGE, operationsPage());
  expect(unaligned(readFileSync(PAGE, "utf8"))).toBe(unaligned(operationsPage()));
});
