import { workUnitAsyncStorage } from "next/dist/server/app-render/work-unit-async-storage.external.js";
import { unstable_cache } from "next/cache.js";
import { headers } from "next/headers.js";
import { notFound } from "next/navigation.js";
import { createPartywall, type Partywall } from "partywall";
import { tenancy, type NextFunctions, type TenantCacheKey } from "partywall/frameworks/next";
import { header, subdomain } from "partywall/resolvers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const next: NextFunctions = { headers, notFound, unstable_cache, workUnitAsyncStorage };
const resolve = subdomain("example.test");

describe("tenancy() of Next.js", () => {
  let pw: Partywall;
  beforeEach(async () => {
    pw = createPartywall({ realm: "next", secret: "a secret of the tests, thirty-two or more" });
    for (const id of ["acme", "globex"]) await pw.tenants.create({ id, slug: id, name: id });
  });
  afterEach(() => pw.close());

  it("cannot be built without the functions of Next.js that it needs", () => {
    for (const missing of ["headers", "notFound", "workUnitAsyncStorage"] as const)
      expect(() => tenancy(pw, { resolve, next: { ...next, [missing]: undefined } })).toThrow(
        expect.objectContaining({ code: "PW_CONFIG" }),
      );
    const { unstable_cache: _, ...rest } = next;
    const { cache } = tenancy(pw, { resolve, next: rest });
    expect(() => cache(() => 1, ["one"])).toThrow(expect.objectContaining({ code: "PW_CONFIG" }));
  });

  it("cannot be built on a header that a client writes, without authorize", () => {
    expect(() => tenancy(pw, { resolve: header("x-tenant"), next })).toThrow(
      expect.objectContaining({ code: "PW_CONFIG" }),
    );
  });

  it("registers one source, however often it is called", () => {
    const { sources } = (globalThis as Record<symbol, unknown>)[Symbol.for("partywall.scope")] as {
      sources: unknown[];
    };
    const before = sources.length;
    for (let times = 0; times < 50; times += 1) tenancy(pw, { resolve, next });
    expect(sources.length - before).toBeLessThanOrEqual(1);
  });

  it("enters nobody where Next.js serves no request, and opens no key outside of 'use cache'", async () => {
    const { route, cache, cacheKey, keyed, tag } = tenancy(pw, { resolve, next });
    const asked = new Request("http://acme.example.test/");
    await expect(route(() => new Response(pw.current().name))(asked)).rejects.toThrow(/headers/);
    await expect(cache(() => 1, ["one"])()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    expect(() => cacheKey()).toThrow(expect.objectContaining({ code: "PW_NO_SCOPE" }));
    expect(() => tag("one")).toThrow(expect.objectContaining({ code: "PW_NO_SCOPE" }));
    const key = await pw.run("acme", () => cacheKey());
    await expect(keyed(key, () => 1)).rejects.toMatchObject({ code: "PW_CONFIG" });
    await expect(keyed("acme" as TenantCacheKey, () => 1)).rejects.toMatchObject({
      code: "PW_CONFIG",
    });
  });

  it("makes keys and tags that no two tenants, realms or names share", async () => {
    const other = createPartywall({
      realm: "next.other",
      secret: "another secret, thirty-two or more",
    });
    for (const id of ["b", "a:b"])
      await other.tenants.create({ id, slug: id.replace(":", "-"), name: id });
    await pw.tenants.create({ id: "a:b", slug: "a-b", name: "a:b" });
    const [ours, theirs] = [tenancy(pw, { resolve, next }), tenancy(other, { resolve, next })];
    const made = [
      await pw.run("acme", () => [ours.cacheKey(), ours.tag("x")]),
      await pw.run("globex", () => [ours.cacheKey(), ours.tag("x")]),
      await pw.run("a:b", () => [ours.cacheKey(), ours.tag("x"), ours.tag("b:x")]),
      await other.run("b", () => [theirs.cacheKey(), theirs.tag("x")]),
      await other.run("a:b", () => [theirs.cacheKey(), theirs.tag("x")]),
    ].flat();
    expect(new Set(made).size).toBe(made.length);
    await other.close();
  });

  it("hands on an address that the client did not write", async () => {
    const { handOver } = tenancy(pw, { resolve, next });
    const asked = new Request("http://localhost/t/acme?page=2", {
      headers: { host: "www.example.test", "x-partywall-address": "forged", cookie: "a=b" },
    });
    const sent = await handOver(asked);
    const [address = "", ...token] = sent.get("x-partywall-address")!.split(".");
    expect(JSON.parse(Buffer.from(address, "base64url").toString())).toEqual({
      url: "/t/acme?page=2",
      host: "www.example.test",
    });
    expect(sent.get("cookie")).toBe("a=b");
    // It is no snapshot that anything else would take.
    await expect(pw.resume(token.join("."), () => 1)).rejects.toMatchObject({
      code: "PW_SNAPSHOT_INVALID",
    });
  });
});
