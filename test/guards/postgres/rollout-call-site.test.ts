import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { captureCallSite, describeCallSite } from "../../../src/guards/postgres/call-site.js";

const OWN = fileURLToPath(new URL("../../../src/guards/postgres/client.ts", import.meta.url));
const of = (...frames: string[]) =>
  describeCallSite({ stack: ["Error", ...frames.map((frame) => `    at ${frame}`)].join("\n") });

test.each([
  [
    "a function",
    "listOrders (/srv/shop/orders.ts:12:20)",
    "listOrders (/srv/shop/orders.ts:12:20)",
  ],
  ["no name", "/srv/shop/orders.ts:12:20", "/srv/shop/orders.ts:12:20"],
  ["an awaited function", "async listOrders (/srv/a.ts:1:2)", "listOrders (/srv/a.ts:1:2)"],
  ["a module", "listOrders (file:///srv/a%20b.mjs:1:2)", "listOrders (/srv/a b.mjs:1:2)"],
  [
    "a folder in brackets",
    "GET (/srv/app/(shop)/page.tsx:3:4)",
    "GET (/srv/app/(shop)/page.tsx:3:4)",
  ],
  [
    "a method under another name",
    "Orders.list [as all] (/srv/a.ts:1:2)",
    "Orders.list [as all] (/srv/a.ts:1:2)",
  ],
])("the frame of %s is told", (_, frame, told) => {
  expect(of(frame, "later (/srv/b.ts:1:1)")).toBe(told);
});

test("the library's own frames, packages and Node.js are passed over", () => {
  expect(
    of(
      `Client.query (${OWN}:1:1)`,
      "query (/srv/shop/node_modules/drizzle-orm/session.js:1:1)",
      "process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
      "async Promise.all (index 0)",
      "eval (eval at run (/srv/shop/odd.ts:1:1), <anonymous>:1:1)",
      "new Promise (<anonymous>)",
      "listOrders (/srv/shop/orders.ts:12:20)",
    ),
  ).toBe("listOrders (/srv/shop/orders.ts:12:20)");
});

test("without a frame of the application's there is none to tell", () => {
  expect(of("next (node:internal/process/task_queues:95:5)")).toBeUndefined();
  expect(describeCallSite({})).toBeUndefined();
});

test("a stack is taken however short the process keeps its own, and the process keeps it so", () => {
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = 0;
    expect(describeCallSite(captureCallSite())).toContain(fileURLToPath(import.meta.url));
    expect(Error.stackTraceLimit).toBe(0);
  } finally {
    Error.stackTraceLimit = limit;
  }
});
