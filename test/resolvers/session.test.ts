import { session } from "partywall/resolvers";
import { describe, expect, it } from "vitest";
import { outcome, request } from "./request.js";

interface Native {
  readonly session?: { readonly tenantId?: unknown };
}
const holding = (tenantId: unknown) => ({ ...request(), native: { session: { tenantId } } });
const resolver = session(async (req: Native) => req.session?.tenantId);

describe("session", () => {
  it("finds the id that the server wrote, or a slug when told so", async () => {
    expect(await resolver.resolve(holding("t1"))).toEqual({ by: "id", value: "t1" });
    const bySlug = session((req: Native) => req.session?.tenantId, { by: "slug" });
    expect(await bySlug.resolve(holding("acme"))).toEqual({ by: "slug", value: "acme" });
  });

  it("names no tenant where the session has none", async () => {
    expect(await resolver.resolve(holding(undefined))).toBeUndefined();
    expect(await resolver.resolve(holding(null))).toBeUndefined();
    expect(await resolver.resolve({ ...request(), native: {} })).toBeUndefined();
  });

  it.each([7, true, ["t1"], { id: "t1" }])("refuses %j in the session", async (value) => {
    expect(await outcome(() => resolver.resolve(holding(value)))).toBe("PW_TENANT_INVALID");
  });

  it("hands on what reading the session throws", async () => {
    const broken = session(() => Promise.reject(new Error("no session store")));
    expect(await outcome(() => broken.resolve(request()))).toEqual(new Error("no session store"));
  });

  it("is not spoofable, and the answer varies by cookie", () => {
    expect(resolver).toMatchObject({ spoofable: false, vary: ["cookie"] });
  });

  it("cannot be built without a function, or misspelt", async () => {
    expect(await outcome(() => session("tenantId" as never))).toBe("PW_CONFIG");
    expect(await outcome(() => session(() => "t1", { bye: "id" } as object))).toBe("PW_CONFIG");
  });
});
