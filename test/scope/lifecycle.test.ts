import { PartywallError, type Partywall, type ScopeEvent } from "partywall";
import { afterEach, beforeEach, expect, it } from "vitest";
import { here, rejectionOf, twoTenants } from "./instance.js";

let pw: Partywall;
const log: string[] = [];
beforeEach(async () => {
  pw = await twoTenants();
  log.length = 0;
});
afterEach(() => pw.close());

const note =
  (what: string) =>
  ({ kind, tenant }: ScopeEvent): void =>
    void log.push(`${what} ${kind} ${tenant?.slug ?? "-"} in ${here(pw) ?? "none"}`);

function failures(error: unknown): unknown[] {
  expect(error).toMatchObject({ code: "PW_SCOPE_LIFECYCLE" });
  return ((error as Error).cause as AggregateError).errors;
}

it("enters, leaves and cleans up in order, awaiting each", async () => {
  pw.on("entering", async (event) => {
    await Promise.resolve();
    note("entering 1")(event);
    return async () => {
      await new Promise(setImmediate);
      note("cleanup 1")(event);
    };
  });
  pw.on("entering", (event) => {
    note("entering 2")(event);
    return () => note("cleanup 2")(event);
  });
  for (const name of ["entered", "leaving", "left"] as const) pw.on(name, note(name));
  await pw.run("acme", async () => {
    await new Promise(setImmediate);
    log.push("fn");
  });
  expect(log).toEqual([
    "entering 1 tenant acme in none",
    "entering 2 tenant acme in none",
    "entered tenant acme in acme",
    "fn",
    "leaving tenant acme in acme",
    "cleanup 2 tenant acme in none",
    "cleanup 1 tenant acme in none",
    "left tenant acme in none",
  ]);
});

it("tells of central, system, resumed, nested and each scopes", async () => {
  pw.on("entered", note("entered"));
  const token = await pw.run("acme", () => pw.snapshot());
  await pw.resume(token, () => pw.run("acme", () => undefined));
  await pw.central(() => undefined);
  await pw.system({ reason: "test" }, () => undefined);
  await pw.each(() => undefined, { concurrency: 1 });
  expect(log).toEqual([
    "entered tenant acme in acme",
    "entered tenant acme in acme",
    "entered tenant acme in acme",
    "entered central - in none",
    "entered system - in none",
    "entered tenant acme in acme",
    "entered tenant globex in globex",
  ]);
});

it("a removed handler is not called, and the fast path returns", async () => {
  const off = pw.on("entering", note("entering"));
  await pw.run("acme", () => undefined);
  off();
  off();
  let ran = false;
  const promise = pw.run("acme", () => {
    ran = true;
  });
  expect(ran).toBe(true);
  await promise;
  expect(log).toHaveLength(1);
});

it("a failing entering handler keeps the function from running and undoes what was done", async () => {
  const refused = new Error("refused");
  const stuck = new Error("stuck");
  pw.on("entering", () => () => void log.push("cleanup 1"));
  pw.on("entering", () => () => {
    throw stuck;
  });
  pw.on("entering", () => {
    throw refused;
  });
  pw.on("entering", note("never"));
  for (const name of ["entered", "leaving", "left"] as const) pw.on(name, note("never"));
  const error = await rejectionOf(() => pw.run("acme", () => void log.push("fn")));
  expect(failures(error)).toEqual([refused, stuck]);
  expect(log).toEqual(["cleanup 1"]);
});

it("a failing entered handler keeps the function from running, and the scope is left in order", async () => {
  pw.on("entering", () => () => void log.push("cleanup"));
  pw.on("entered", () => Promise.reject(new Error("not today")));
  pw.on("leaving", note("leaving"));
  pw.on("left", note("left"));
  await rejectionOf(() => pw.run("acme", () => void log.push("fn")));
  expect(log).toEqual(["leaving tenant acme in acme", "cleanup", "left tenant acme in none"]);
});

it("every failure while leaving is collected, and every cleanup still runs", async () => {
  const errors = ["leaving", "cleanup", "left"].map((name) => new Error(name));
  pw.on("entering", () => () => void log.push("first cleanup"));
  pw.on("entering", () => () => Promise.reject(errors[1]));
  pw.on("leaving", () => Promise.reject(errors[0]));
  pw.on("left", () => Promise.reject(errors[2]));
  const error = await rejectionOf(() => pw.run("acme", () => "value"));
  expect(failures(error)).toEqual(errors);
  expect(log).toEqual(["first cleanup"]);
});

it("the function's own error stays the one thrown, and carries the others", async () => {
  const own = new Error("own");
  const other = new Error("other");
  pw.on("leaving", () => Promise.reject(other));
  const error = await rejectionOf(() => pw.run("acme", () => Promise.reject(own)));
  expect(error).toBe(own);
  expect(failures((own as { scopeLifecycle?: unknown }).scopeLifecycle)).toEqual([other]);
});

it.each([
  ["a string", "thrown"],
  ["a frozen error", Object.freeze(new Error("own"))],
])("no failure is lost when the function throws %s, which can carry nothing", async (_, own) => {
  const other = new Error("other");
  pw.on("leaving", () => Promise.reject(other));
  const error = await rejectionOf(() => pw.run("acme", () => Promise.reject(own as Error)));
  expect(error).toBeInstanceOf(PartywallError);
  expect(failures(error)).toEqual([own, other]);
});

it("lazy queries are awaited before the scope is left", async () => {
  pw.on("leaving", note("leaving"));
  await pw.run("acme", () => ({
    // oxlint-disable-next-line unicorn/no-thenable -- what is tested
    then: (resolve: (value: string) => void) =>
      void setImmediate(() => {
        log.push("query done");
        resolve("rows");
      }),
  }));
  expect(log).toEqual(["query done", "leaving tenant acme in acme"]);
});
