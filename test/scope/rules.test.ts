import { readFileSync } from "node:fs";
import type { AuditEvent, Partywall } from "partywall";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OPENING_RULES, type Opening, type ScopeState } from "../../src/scope/rules.js";
import { codeOf, here, twoTenants } from "./instance.js";

let pw: Partywall;
const denials: AuditEvent[] = [];

beforeAll(async () => {
  pw = await twoTenants({
    audit: (event) => void (event.type === "denied" && denials.push(event)),
  });
});
afterAll(() => pw.close());

const inState: Record<ScopeState, (fn: () => Promise<unknown>) => Promise<unknown>> = {
  none: (fn) => fn(),
  tenant: (fn) => pw.run("acme", fn),
  central: (fn) => pw.central(fn),
  system: (fn) => pw.system({ reason: "test" }, fn),
};

const snapshots = async (id: string): Promise<string> => pw.run(id, () => pw.snapshot());

/** Every way to open something, and whether it is the tenant that is current in the state "tenant". */
const ways: readonly [
  name: string,
  opening: Opening,
  same: boolean,
  open: () => Promise<unknown>,
][] = [
  [
    "run of the same tenant",
    "tenant",
    true,
    () => pw.run("acme", () => expect(here(pw)).toBe("acme")),
  ],
  [
    "run by { id } of the same tenant",
    "tenant",
    true,
    () => pw.run({ id: "acme" }, () => undefined),
  ],
  [
    "run by { slug } of the same tenant",
    "tenant",
    true,
    () => pw.run({ slug: "acme" }, () => undefined),
  ],
  [
    "run of another tenant",
    "tenant",
    false,
    () => pw.run("globex", () => expect(here(pw)).toBe("globex")),
  ],
  [
    "run by { id } of another tenant",
    "tenant",
    false,
    () => pw.run({ id: "globex" }, () => undefined),
  ],
  [
    "run by { slug } of another tenant",
    "tenant",
    false,
    () => pw.run({ slug: "globex" }, () => undefined),
  ],
  [
    "resume of the same tenant",
    "tenant",
    true,
    () => pw.resume(tokens.acme, () => expect(here(pw)).toBe("acme")),
  ],
  ["resume of another tenant", "tenant", false, () => pw.resume(tokens.globex, () => undefined)],
  ["central", "central", false, () => pw.central(() => expect(pw.scope()?.kind).toBe("central"))],
  ["resume of central", "central", false, () => pw.resume(tokens.central, () => undefined)],
  [
    "system",
    "system",
    false,
    () => pw.system({ reason: "x" }, () => expect(pw.scope()?.kind).toBe("system")),
  ],
  ["each", "each", false, () => pw.each(() => undefined)],
  [
    "tenants.create",
    "tenants",
    false,
    () => pw.tenants.create({ slug: `s${Math.random()}`.replace(".", ""), name: "n" }),
  ],
  ["tenants.get", "tenants", false, () => pw.tenants.get("acme")],
  ["tenants.find", "tenants", false, () => pw.tenants.find("globex")],
  ["tenants.list", "tenants", false, () => pw.tenants.list()],
  ["tenants.all", "tenants", false, () => pw.tenants.all().next()],
  ["tenants.update", "tenants", false, () => pw.tenants.update("globex", { name: "Globex" })],
  [
    "tenants.suspend",
    "tenants",
    false,
    async () => {
      await pw.tenants.suspend("globex");
      await pw.tenants.restore("globex");
    },
  ],
  ["tenants.restore", "tenants", false, () => pw.tenants.restore("globex")],
  [
    "tenants.delete",
    "tenants",
    false,
    async () => {
      const { id } = await pw.tenants.create({
        slug: `d${Math.random()}`.replace(".", ""),
        name: "n",
      });
      await pw.tenants.delete(id);
    },
  ],
];

const tokens = { acme: "", globex: "", central: "" };
beforeAll(async () => {
  tokens.acme = await snapshots("acme");
  tokens.globex = await snapshots("globex");
  tokens.central = await pw.central(() => pw.snapshot());
});

describe.each(Object.keys(OPENING_RULES) as ScopeState[])("from %s", (state) => {
  it.each(ways)("%s is as the table says", async (_, opening, same, open) => {
    const verdict = OPENING_RULES[state][opening];
    const allowed = verdict === "allow" || (verdict === "same" && same);
    denials.length = 0;
    expect(await codeOf(() => inState[state](open))).toBe(allowed ? undefined : "PW_SCOPE_SWITCH");
    expect(
      denials.map((event) => event.type === "denied" && [event.code, event.wire, event.tenantId]),
    ).toEqual(allowed ? [] : [["PW_SCOPE_SWITCH", "scope", "acme"]]);
  });
});

it("the ways cover every column of the table", () => {
  expect(new Set(ways.map(([, opening]) => opening))).toEqual(
    new Set(Object.keys(OPENING_RULES.none)),
  );
});

it("cannot find out from inside a tenant which other tenants exist", async () => {
  const codes = await pw.run("acme", () =>
    Promise.all(["globex", "nobody"].map((id) => codeOf(() => pw.run(id, () => undefined)))),
  );
  expect(new Set(codes)).toEqual(new Set(["PW_SCOPE_SWITCH"]));
});

it("the reference page shows the same table", () => {
  const page = readFileSync(new URL("../../docs/reference/scope.md", import.meta.url), "utf8");
  const rows = page
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll(/[`*]/g, "")))
    .filter((cells) => cells.length === 8);
  const words = { allow: "yes", same: "same tenant", refuse: "no" } as const;
  for (const [state, row] of Object.entries(OPENING_RULES)) {
    const cells = rows.find((one) => one[1] === state)?.slice(2, 7);
    expect(cells, state).toEqual(Object.values(row).map((verdict) => words[verdict]));
  }
});
