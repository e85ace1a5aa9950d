import { createHmac, createPublicKey, createSecretKey, generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import type { JWTPayload } from "jose";
import { jwt } from "partywall/resolvers/jwt";
import type { JwtOptions } from "partywall/resolvers/jwt";
import { describe, expect, it } from "vitest";
import { outcome, request } from "./request.js";

const key = new TextEncoder().encode("a secret of at least thirty-two bytes");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const t1 = { by: "id", value: "t1" };

type Signing = {
  key?: Parameters<SignJWT["sign"]>[0];
  alg?: string;
  kid?: string;
  expires?: string | null;
};

function sign(payload: JWTPayload, signing: Signing = {}): Promise<string> {
  const { alg = "HS256", kid, expires = "5m" } = signing;
  const token = new SignJWT(payload).setProtectedHeader(kid === undefined ? { alg } : { alg, kid });
  if (expires !== null) token.setExpirationTime(expires);
  return token.sign(signing.key ?? key);
}

function present(token: string | undefined, options: JwtOptions = { key }): Promise<unknown> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return outcome(() => jwt(options).resolve(request({ headers })));
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("jwt", () => {
  it("finds the tenant in the claim of a valid token", async () => {
    expect(await present(await sign({ tid: "t1" }))).toEqual(t1);
    const org = { key, claim: "https://example.com/org", by: "slug" } as const;
    expect(await present(await sign({ "https://example.com/org": "acme" }), org)).toEqual({
      by: "slug",
      value: "acme",
    });
  });

  it("names no tenant without a bearer token", async () => {
    expect(await present(undefined)).toBeUndefined();
    const basic = request({ headers: { authorization: "Basic YTpi" } });
    expect(await jwt({ key }).resolve(basic)).toBeUndefined();
  });

  it("cannot be given an unsigned token", async () => {
    const none = new UnsecuredJWT({ tid: "t1" }).setExpirationTime("5m").encode();
    expect(await present(none)).toBe("PW_TENANT_INVALID");
    expect(await present(none, { key: rsa.publicKey })).toBe("PW_TENANT_INVALID");
    const [head, body] = (await sign({ tid: "t1" })).split(".");
    expect(await present(`${head}.${body}.`)).toBe("PW_TENANT_INVALID");
    expect(await present(`${base64url({ alg: "nOnE" })}.${body}.`)).toBe("PW_TENANT_INVALID");
  });

  it("cannot be given a token signed with the public key as a secret", async () => {
    const pem = rsa.publicKey.export({ type: "spki", format: "pem" });
    const content = `${base64url({ alg: "HS256" })}.${base64url({ tid: "t1", exp: 4e9 })}`;
    const forged = `${content}.${createHmac("sha256", pem).update(content).digest("base64url")}`;
    expect(await present(forged, { key: rsa.publicKey })).toBe("PW_TENANT_INVALID");
    const jwks = { keys: [await exportJWK(rsa.publicKey)] };
    expect(await present(forged, { jwks, audience: false })).toBe("PW_TENANT_INVALID");
    // The mistake that makes the attack work is refused at construction.
    expect(await present(forged, { key: Buffer.from(pem) })).toBe("PW_CONFIG");
  });

  it("cannot be given a key by the token itself", async () => {
    const mine = await generateKeyPair("ES256", { extractable: true });
    const jwk = await exportJWK(mine.publicKey);
    const forged = await new SignJWT({ tid: "t1" })
      .setProtectedHeader({
        alg: "ES256",
        jwk,
        jku: "http://127.0.0.1/keys",
        x5u: "http://127.0.0.1/x",
      })
      .setExpirationTime("5m")
      .sign(mine.privateKey);
    const theirs = await generateKeyPair("ES256");
    expect(await present(forged, { key: theirs.publicKey })).toBe("PW_TENANT_INVALID");
  });

  it.each([
    ["expired", { tid: "t1" }, { expires: "-1s" }],
    ["without expiry", { tid: "t1" }, { expires: null }],
    ["not valid yet", { tid: "t1", nbf: 4e9 }, {}],
    ["of another algorithm", { tid: "t1" }, { alg: "HS512" }],
    ["signed with another secret", { tid: "t1" }, { key: Buffer.alloc(32, 7) }],
    ["with a number as claim", { tid: 1 }, {}],
    ["with a list as claim", { tid: ["t1"] }, {}],
    ["with an object as claim", { tid: { id: "t1" } }, {}],
    ["with null as claim", { tid: null }, {}],
    ["without the claim", { sub: "ada" }, {}],
  ] satisfies [string, JWTPayload, Signing][])(
    "cannot be given a token %s",
    async (_, payload, signing) => {
      expect(await present(await sign(payload, signing))).toBe("PW_TENANT_INVALID");
    },
  );

  it("does not take an inherited property for a claim", async () => {
    expect(await present(await sign({}), { key, claim: "constructor" })).toBe("PW_TENANT_INVALID");
  });

  it("lets a token without the claim name no tenant when told so, and no other", async () => {
    const options = { key, claimOptional: true };
    expect(await present(await sign({ sub: "ada" }), options)).toBeUndefined();
    expect(await present(await sign({ tid: null }), options)).toBe("PW_TENANT_INVALID");
    expect(await present(await sign({}, { expires: "-1s" }), options)).toBe("PW_TENANT_INVALID");
  });

  it("cannot be given a token for another audience or of another issuer", async () => {
    const options = { key, audience: "shop", issuer: ["https://id.example.com"] };
    const iss = "https://id.example.com";
    expect(await present(await sign({ tid: "t1", aud: ["x", "shop"], iss }), options)).toEqual(t1);
    expect(await present(await sign({ tid: "t1", aud: "blog", iss }), options)).toBe(
      "PW_TENANT_INVALID",
    );
    expect(await present(await sign({ tid: "t1", iss }), options)).toBe("PW_TENANT_INVALID");
    expect(await present(await sign({ tid: "t1", aud: "shop", iss: `${iss}/` }), options)).toBe(
      "PW_TENANT_INVALID",
    );
  });

  it("cannot be given two Authorization headers", async () => {
    const [one, two] = [await sign({ tid: "t1" }), await sign({ tid: "t2" })];
    for (const authorization of [
      `Bearer ${one}, Bearer ${two}`,
      `Bearer ${one}, Basic YTpi`,
      `Basic YTpi, Bearer ${one}`,
      `Basic YTpi,bearer ${one}`,
    ])
      expect(
        await outcome(() => jwt({ key }).resolve(request({ headers: { authorization } }))),
      ).toBe("PW_TENANT_AMBIGUOUS");
  });

  it.each([
    "Bearer",
    "Bearer ",
    "bearer a b",
    "Bearer\ttoken",
    "Bearer ===",
    "Bearer a.b.c",
    "Bearer ....",
    "Bearer a.b.c.d.e",
  ])("cannot be given %j for a token", async (authorization) => {
    expect(await outcome(() => jwt({ key }).resolve(request({ headers: { authorization } })))).toBe(
      "PW_TENANT_INVALID",
    );
  });

  it("accepts the scheme in any case", async () => {
    const authorization = `bEARER  ${await sign({ tid: "t1" })}`;
    expect(await jwt({ key }).resolve(request({ headers: { authorization } }))).toEqual(t1);
  });

  it("never repeats the token or its claims in an error", async () => {
    const token = await sign({ tid: "t1", email: "ada@example.com" }, { expires: "-1s" });
    const resolver = jwt({ key });
    const error = await Promise.resolve(
      resolver.resolve(request({ headers: { authorization: `Bearer ${token}` } })),
    ).catch((reason: unknown) => reason as Error);
    const shown = `${(error as Error).stack} ${JSON.stringify((error as Error).cause)}`;
    expect(shown).toContain("ERR_JWT_EXPIRED");
    expect(shown).not.toContain("ada@");
    expect(shown).not.toContain(token.slice(0, 20));
  });

  it("verifies with a secret key object and with a public key", async () => {
    expect(await present(await sign({ tid: "t1" }), { key: createSecretKey(key) })).toEqual(t1);
    const token = await sign({ tid: "t1" }, { alg: "RS256", key: rsa.privateKey });
    expect(await present(token, { key: createPublicKey(rsa.privateKey) })).toEqual(t1);
    expect(await present(token, { key: rsa.publicKey, algorithms: ["PS256"] })).toBe(
      "PW_TENANT_INVALID",
    );
  });

  it("verifies with a key set by key id, and not with a key that is not in it", async () => {
    const [good, evil] = [await generateKeyPair("ES256"), await generateKeyPair("ES256")];
    const jwks = { keys: [{ ...(await exportJWK(good.publicKey)), kid: "k1" }] };
    const options = { jwks, audience: "shop" };
    const payload = { tid: "t1", aud: "shop" };
    const by = (pair: typeof good, kid: string) =>
      sign(payload, { alg: "ES256", kid, key: pair.privateKey }).then((token) =>
        present(token, options),
      );
    expect(await by(good, "k1")).toEqual(t1);
    expect(await by(evil, "k1")).toBe("PW_TENANT_INVALID");
    expect(await by(evil, "k2")).toBe("PW_TENANT_INVALID");
  });

  it("fetches a key set, and tells its outage from a bad token", async () => {
    const pair = await generateKeyPair("ES256");
    const token = await sign({ tid: "t1" }, { alg: "ES256", key: pair.privateKey });
    let body: string | undefined = JSON.stringify({ keys: [await exportJWK(pair.publicKey)] });
    const server = createServer((_, res) => {
      res.statusCode = body === undefined ? 500 : 200;
      res.end(body);
    }).listen(0, "127.0.0.1");
    await new Promise((listening) => server.once("listening", listening));
    const jwks = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`);
    try {
      expect(await present(token, { jwks, audience: false })).toEqual(t1);
      body = "{}";
      expect(await present(token, { jwks, audience: false })).toBe("PW_REGISTRY_UNAVAILABLE");
      body = undefined;
      expect(await present(token, { jwks, audience: false })).toBe("PW_REGISTRY_UNAVAILABLE");
    } finally {
      server.closeAllConnections();
      server.close();
    }
    expect(await present(token, { jwks, audience: false })).toBe("PW_REGISTRY_UNAVAILABLE");
  });

  it.each([
    ["a short secret", { key: Buffer.alloc(31) }],
    ["a short secret object", { key: createSecretKey(Buffer.alloc(31)) }],
    ["a secret shorter than the hash", { key, algorithms: ["HS512"] }],
    ["a private key", { key: rsa.privateKey }],
    ["text as key", { key: "a secret of at least thirty-two bytes" }],
    ["a JWK as key", { key: { kty: "oct", k: "AAAA" } }],
    ["no key", {}],
    ["the algorithm none", { key, algorithms: ["none"] }],
    ["no algorithm", { key, algorithms: [] }],
    [
      "a secret's algorithm for a public key",
      { key: rsa.publicKey, algorithms: ["RS256", "HS256"] },
    ],
    ["a public key's algorithm for a secret", { key, algorithms: ["RS256"] }],
    ["a key and a key set", { key, jwks: { keys: [] }, audience: false }],
    ["a key set without a decision on audience", { jwks: { keys: [] } }],
    ["a key set over plain http", { jwks: new URL("http://id.example.com/keys"), audience: false }],
    ["text as key set", { jwks: "https://id.example.com/keys", audience: false }],
    ["an unset audience", { key, audience: undefined }],
    ["an empty audience", { key, audience: "" }],
    ["an empty list of issuers", { key, issuer: [] }],
    ["a misspelt option", { key, audiance: "shop" }],
  ])("cannot be built with %s", async (_, options) => {
    expect(await outcome(() => jwt(options as JwtOptions))).toBe("PW_CONFIG");
  });
});
