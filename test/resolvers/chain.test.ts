import { PartywallError } from "partywall";
import { chain, header } from "partywall/resolvers";
import type { Candidate, Resolver } from "partywall/resolvers";
import { describe, expect, it } from "vitest";
import { outcome, request } from "./request.js";

const fixed = (name: string, answer: unknown): Resolver => ({
  name,
  spoofable: false,
  resolve: () => answer as Candidate,
});
const ask = (...resolvers: Resolver[]) => outcome(() => chain(resolvers).resolve(request()));

describe("chain", () => {
  it("asks every resolver, in order, and keeps what differs", async () => {
    const found = await ask(
      fixed("first", undefined),
      fixed("second", { by: "slug", value: "Acme" }),
      fixed("third", Promise.resolve({ by: "id", value: "t1" })),
      fixed("fourth", { by: "slug", value: "acme" }),
    );
    expect(found).toEqual([
      { by: "slug", value: "acme", resolver: "second" },
      { by: "id", value: "t1", resolver: "third" },
    ]);
  });

  it("names no tenant when no resolver does", async () => {
    expect(await ask(fixed("only", undefined))).toEqual([]);
  });

  it("cannot fall from a source that is broken to the next", async () => {
    const broken: Resolver = {
      ...fixed("broken", undefined),
      resolve: () => {
        throw new PartywallError("PW_TENANT_INVALID", "broken");
      },
    };
    expect(await ask(broken, fixed("next", { by: "slug", value: "acme" }))).toBe(
      "PW_TENANT_INVALID",
    );
    expect(await ask(fixed("first", { by: "slug", value: "acme" }), broken)).toBe(
      "PW_TENANT_INVALID",
    );
  });

  it.each([
    "",
    "-acme",
    "acme-",
    "a.b",
    "ac_me",
    "a".repeat(64),
    "acme\n",
    "\u212aelvin",
    "ac me",
    "%61cme",
  ])("cannot be given %j as a slug", async (value) => {
    expect(await ask(fixed("r", { by: "slug", value }))).toBe("PW_TENANT_INVALID");
  });

  it.each(["", "a".repeat(201), "t\u0000", "t\r\n", "t\u007f", "\ud800"])(
    "cannot be given %j as an id",
    async (value) => {
      expect(await ask(fixed("r", { by: "id", value }))).toBe("PW_TENANT_INVALID");
    },
  );

  it("keeps the case of an id", async () => {
    expect(await ask(fixed("r", { by: "id", value: "T1" }))).toEqual([
      { by: "id", value: "T1", resolver: "r" },
    ]);
  });

  it.each([null, "acme", { value: "acme" }, { by: "name", value: "acme" }, { by: "id", value: 7 }])(
    "takes %j from a resolver for a mistake, not for no tenant",
    async (answer) => {
      expect(await ask(fixed("r", answer))).toBe("PW_CONFIG");
    },
  );

  it("cannot be impersonated by a resolver that returns another's name", async () => {
    expect(await ask(fixed("mine", { by: "id", value: "t1", resolver: "jwt" }))).toEqual([
      { by: "id", value: "t1", resolver: "mine" },
    ]);
  });

  it("tells which spoofable sources nobody vouched for", () => {
    const vouched = header("x-tenant", { trust: "stripped by the gateway" });
    expect(chain([vouched, header("x-org"), fixed("r", undefined)]).unvouched).toEqual([
      "header:x-org",
    ]);
  });

  it("cannot be built of nothing, of no resolvers, of twins or of blank trust", async () => {
    const silent = { name: "silent", resolve: () => undefined } as unknown as Resolver;
    for (const resolvers of [
      [],
      undefined,
      [undefined],
      [{}],
      [fixed(" ", undefined)],
      [silent],
      [fixed("r", undefined), fixed("r", undefined)],
      [header("x-tenant", { trust: " " })],
    ])
      expect(await outcome(() => chain(resolvers as Resolver[]))).toBe("PW_CONFIG");
  });

  it("cannot be changed after it was built", async () => {
    const changing = { ...header("x-tenant", { trust: "gateway" }) };
    const built = chain([changing]);
    (changing as { resolve: Resolver["resolve"] }).resolve = () => ({
      by: "slug",
      value: "globex",
    });
    expect(await built.resolve(request())).toEqual([]);
  });
});
