import { expect, test } from "vitest";
import { fittingName } from "../../../src/adopt/planner/names.js";

test("a name that fits stays as it is", () => {
  expect(fittingName("orders_tenant_id_id_key")).toBe("orders_tenant_id_id_key");
  expect(fittingName("x".repeat(63))).toBe("x".repeat(63));
});

test("two long names with the same first 63 bytes stay two names", () => {
  const long = "x".repeat(70);
  const names = [fittingName(`${long}a`), fittingName(`${long}b`)];
  expect(new Set(names).size).toBe(2);
  for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
});

test("a cut never splits a letter of several bytes", () => {
  for (const letter of ["é", "語", "😀"]) {
    const name = fittingName(letter.repeat(60));
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(Buffer.from(name).toString()).toBe(name);
    expect(name.startsWith(letter)).toBe(true);
  }
});
