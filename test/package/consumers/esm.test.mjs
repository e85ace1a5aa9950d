import { expect, test } from "@jest/globals";
import { PartywallError } from "partywall";
import subpaths from "./subpaths.cjs";

test.each(subpaths)("Jest imports %s", async (subpath) => {
  expect(Object.keys(await import(subpath))).not.toHaveLength(0);
});

test("Jest sees one class of errors", async () => {
  const error = new PartywallError("PW_NO_SCOPE", "No scope is open.");
  expect(error).toBeInstanceOf((await import("partywall")).PartywallError);
  expect(error).toBeInstanceOf(Error);
});
