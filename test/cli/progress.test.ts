import { describe, expect, test } from "vitest";
import { createProgress, duration } from "../../src/cli/progress.js";
import { capturedHost } from "./captured-host.js";

function watched(isTTY: boolean, columns = 100) {
  const host = capturedHost({ isTTY, columns });
  let time = 0;
  const progress = createProgress(host.stderr, { silent: false, now: () => time });
  return {
    progress,
    printed: () => host.printed().stderr,
    at: (seconds: number, done: number, total?: number, label = "backfill") => {
      time = seconds * 1000;
      progress.update({ done, unit: "rows", label, ...(total === undefined ? {} : { total }) });
    },
  };
}

describe("progress on a terminal", () => {
  test("is one line, drawn anew, with a bar, the share, the rate and the time left", () => {
    const { at, progress, printed } = watched(true);
    at(0, 0, 10_000);
    at(2, 2500, 10_000);
    progress.finish();
    const [first, second] = printed().split("\r\u001b[2K").slice(1);
    expect(first).toBe("backfill  [------------------------]  0%  0/10,000 rows");
    expect(second).toBe(
      "backfill  [######------------------]  25%  2,500/10,000 rows  1,250 rows/s  6 s left\n",
    );
  });

  test("is not drawn for every one of many updates, and the last is always drawn", () => {
    const { at, progress, printed } = watched(true);
    for (let done = 0; done <= 100_000; done += 1) at(done / 100_000, done, 100_000);
    progress.finish();
    expect(printed().split("\r").length).toBeLessThan(20);
    expect(printed()).toContain("100%  100,000/100,000 rows");
    expect(printed().endsWith("\n")).toBe(true);
  });

  test("never wraps a line", () => {
    const { at, printed } = watched(true, 30);
    at(0, 1, 2, "a label that is far too long for this terminal");
    expect(printed().replace("\r\u001b[2K", "").length).toBeLessThan(30);
  });

  test("tells the rate of the last moments, and anew for another piece of work", () => {
    const { at, printed } = watched(true);
    at(0, 0, 1_000_000);
    at(10, 100_000, 1_000_000);
    for (let second = 11; second <= 60; second += 1) at(second, 100_000 + second, 1_000_000);
    expect(printed().split("\r").at(-1)).toContain("  1 rows/s");
    at(61, 5, 10, "indexes");
    expect(printed().split("\r").at(-1)).not.toContain("rows/s");
  });
});

describe("progress elsewhere", () => {
  test("is a plain line every few seconds, and one at the end", () => {
    const { at, progress, printed } = watched(false);
    for (let second = 0; second <= 12; second += 1) at(second, second * 10, 200);
    progress.finish();
    expect(printed().split("\n")).toEqual([
      "backfill  25%  50/200 rows  10 rows/s  15 s left",
      "backfill  50%  100/200 rows  10 rows/s  10 s left",
      "backfill  60%  120/200 rows  10 rows/s  8 s left",
      "",
    ]);
  });

  test("of an unknown total has a count and a rate", () => {
    const { at, progress, printed } = watched(false);
    at(0, 0);
    at(4, 2);
    progress.finish();
    expect(printed()).toBe("backfill  2 rows  0.5 rows/s\n");
  });

  test("is silent for programs", () => {
    const host = capturedHost({ isTTY: true });
    const progress = createProgress(host.stderr, { silent: true });
    progress.update({ done: 1, unit: "rows", label: "x" });
    progress.finish();
    expect(host.printed().stderr).toBe("");
  });
});

test("durations are told as people say them", () => {
  expect([0.2, 59, 60, 200, 7500].map(duration)).toEqual([
    "1 s",
    "59 s",
    "1 min 0 s",
    "3 min 20 s",
    "2 h 5 min",
  ]);
});
