import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HintQueue } from "../../src/registry/hint-queue.js";

const hints: string[] = [];
const gap = vi.fn<() => void>();
let queue: HintQueue;
beforeEach(() => {
  vi.useFakeTimers();
  hints.length = 0;
  gap.mockClear();
  queue = new HintQueue((id) => void hints.push(id), gap);
});
afterEach(() => {
  queue.stop();
  vi.useRealTimers();
});

it("passes a lone hint on at once", () => {
  queue.add("acme");
  expect(hints).toEqual(["acme"]);
});

it("gathers a flood into rounds, each id once, and then is quick again", () => {
  for (let i = 0; i < 10_000; i += 1) queue.add(i % 2 === 0 ? "acme" : "globex");
  expect(hints).toEqual(["acme"]);
  vi.advanceTimersByTime(50);
  expect(hints).toEqual(["acme", "globex", "acme"]);
  vi.advanceTimersByTime(100);
  queue.add("umbra");
  expect(hints).toHaveLength(4);
});

it("turns more ids than it can hold into one gap", () => {
  for (let i = 0; i < 50_000; i += 1) queue.add(`forged-${i}`);
  vi.advanceTimersByTime(50);
  expect([hints.length, gap.mock.calls.length]).toEqual([1, 1]);
});

it("loses no hint that arrives during a round", () => {
  queue.add("a");
  queue.add("b");
  vi.advanceTimersByTime(50);
  queue.add("c");
  vi.advanceTimersByTime(50);
  expect(hints).toEqual(["a", "b", "c"]);
});
