import { apiKey, type ApiKeyOptions } from "partywall/resolvers";
import { describe, expect, it } from "vitest";
import { outcome, request } from "./request.js";

const KEY = "pw_live_1234";
const asked: string[] = [];
const lookup = async (key: string) => {
  asked.push(key);
  return key === KEY ? "t1" : undefined;
};
const sent = (headers: Record<string, string>, options: ApiKeyOptions = {}) =>
  outcome(() => apiKey(lookup, options).resolve(request({ headers })));

describe("apiKey", () => {
  it("finds the tenant that the application has for the key", async () => {
    expect(await sent({ "x-api-key": KEY })).toEqual({ by: "id", value: "t1" });
    expect(await sent({ "x-key": ` ${KEY} ` }, { header: "X-Key" })).toEqual({
      by: "id",
      value: "t1",
    });
    const candidate = apiKey(() => ({ by: "slug", value: "acme" }));
    expect(await candidate.resolve(request({ headers: { "x-api-key": KEY } }))).toEqual({
      by: "slug",
      value: "acme",
    });
  });

  it("reads the key after its scheme, in any case, and no other scheme's", async () => {
    const options = { scheme: "Bearer" };
    expect(await sent({ authorization: `bearer  ${KEY}` }, options)).toEqual({
      by: "id",
      value: "t1",
    });
    expect(await sent({ authorization: "Basic abc" }, options)).toBeUndefined();
    expect(await sent({ authorization: `Bearerx ${KEY}` }, options)).toBeUndefined();
    expect(await sent({}, options)).toBeUndefined();
  });

  it("never falls from a key that nobody has to another resolver", async () => {
    expect(await sent({ "x-api-key": "pw_live_9999" })).toBe("PW_TENANT_INVALID");
  });

  it.each([
    [{ "x-api-key": `${KEY}, other` }, {}],
    [{ "x-api-key": `${KEY},${KEY}` }, {}],
    [{ authorization: `Bearer ${KEY}, Bearer other` }, { scheme: "Bearer" }],
    [{ authorization: `Basic abc, Bearer ${KEY}` }, { scheme: "Bearer" }],
  ])("cannot be given two keys by %j", async (headers, options) => {
    expect(await sent(headers, options)).toBe("PW_TENANT_AMBIGUOUS");
  });

  it.each(["", "a b", "x".repeat(513), "é"])(
    "does not look up %j, which no key can be",
    async (key) => {
      asked.length = 0;
      expect(await sent({ "x-api-key": key })).toBe("PW_TENANT_INVALID");
      expect(asked).toEqual([]);
    },
  );

  it("has the key in none of its errors", async () => {
    const key = "pw_live_secret";
    for (const headers of [{ "x-api-key": key }, { "x-api-key": `${key}, ${key}` }]) {
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      const error = await Promise.resolve(apiKey(lookup).resolve(request({ headers }))).catch(
        (one: unknown) => one,
      );
      expect(error).toBeInstanceOf(Error);
      expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain(key);
    }
  });

  it("hands on what the lookup throws", async () => {
    const broken = apiKey(() => Promise.reject(new Error("no database")));
    const headers = { "x-api-key": KEY };
    expect(await outcome(() => broken.resolve(request({ headers })))).toEqual(
      new Error("no database"),
    );
  });

  it("cannot be built without a lookup, with a header that cannot be, or misspelt", async () => {
    expect(await outcome(() => apiKey(undefined as never))).toBe("PW_CONFIG");
    expect(await outcome(() => apiKey(lookup, { header: "x key" }))).toBe("PW_CONFIG");
    expect(await outcome(() => apiKey(lookup, { scheme: "" }))).toBe("PW_CONFIG");
    expect(await outcome(() => apiKey(lookup, { schema: "Bearer" } as object))).toBe("PW_CONFIG");
  });
});
