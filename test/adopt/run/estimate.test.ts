import { expect, test } from "vitest";
import { blocksWrites, estimateStep, strongestLock } from "../../../src/adopt/run/estimate.js";
import { LOCK_MODES } from "../../../src/adopt/step.js";
import { step } from "./site.js";

test("a step that reads is estimated by its bytes, one that writes them much slower", () => {
  const bytes = 1_000_000_000;
  expect(estimateStep(step({ id: "x", sql: ["select"], bytes })).milliseconds).toBe(10_010);
  const batches = { table: "t", key: [], set: "a = 1", where: "true" };
  expect(estimateStep(step({ id: "x", batches, bytes })).milliseconds).toBe(200_010);
  expect(estimateStep(step({ id: "x", sql: ["a", "b"] })).milliseconds).toBe(20);
});

test("the strongest lock is the one that is told, and SHARE is the first that keeps writers out", () => {
  expect(strongestLock(step({ id: "x" }))).toBeUndefined();
  const locks = LOCK_MODES.map((mode) => ({ table: "t", mode }));
  for (const [at, mode] of LOCK_MODES.entries()) {
    const given = step({ id: "x", locks: locks.slice(0, at + 1).toReversed() });
    expect(strongestLock(given)).toBe(mode);
    expect(blocksWrites(given)).toBe(
      !["ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE"].includes(mode),
    );
  }
});
