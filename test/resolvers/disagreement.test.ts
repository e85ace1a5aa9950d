import { createHmac } from "node:crypto";
import { createPartywall, type PartywallError } from "partywall";
import { tenancy } from "partywall/frameworks/fetch";
import {
  apiKey,
  cookie,
  domain,
  header,
  path,
  query,
  session,
  subdomain,
  type Resolver,
} from "partywall/resolvers";
import { jwt } from "partywall/resolvers/jwt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const SECRET = "a secret of the tests, thirty-two or more";
type Name = "acme" | "globex";

/** How a request names a tenant, and the resolver that reads it there. */
interface Kind {
  readonly resolver: Resolver;
  readonly host?: (name: Name) => string;
  readonly url?: (name: Name) => string;
  readonly headers?: (name: Name) => Record<string, string>;
}

// The session is kept by the server, under what the client sends as its id.
const read = (request: Request) => request.headers.get("x-session-id") ?? undefined;

const KINDS: Record<string, Kind> = {
  subdomain: { resolver: subdomain("example.com"), host: (name) => `${name}.example.com` },
  domain: { resolver: domain(["example.com"]), host: (name) => `shop.${name}.test` },
  path: { resolver: path("/t/:tenant"), url: (name) => `/t/${name}` },
  query: { resolver: query("tenant"), url: (name) => `?tenant=${name}` },
  header: { resolver: header("x-tenant"), headers: (name) => ({ "x-tenant": name }) },
  cookie: { resolver: cookie("tenant"), headers: (name) => ({ cookie: `tenant=${name}` }) },
  session: { resolver: session(read), headers: (name) => ({ "x-session-id": name }) },
  apiKey: {
    resolver: apiKey(async (key) => key.slice(4)),
    headers: (name) => ({ "x-api-key": `key-${name}` }),
  },
  jwt: {
    resolver: jwt({
      key: new TextEncoder().encode(SECRET),
      issuer: "tests",
      audience: "tests",
      claim: "org_id",
    }),
    headers: (name) => ({ authorization: `Bearer ${token(name)}` }),
  },
  custom: {
    resolver: {
      name: "custom",
      spoofable: true,
      resolve: ({ headers }) => {
        const value = headers.get("x-custom");
        return value === null ? undefined : { by: "slug", value };
      },
    },
    headers: (name) => ({ "x-custom": name }),
  },
};

function token(name: string): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 600;
  const body = `${part({ alg: "HS256", typ: "JWT" })}.${part({ iss: "tests", aud: "tests", org_id: name, exp })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

describe("two resolvers of whatever kind", () => {
  const pw = createPartywall({ realm: "disagreement" });
  beforeAll(async () => {
    for (const id of ["acme", "globex"]) {
      await pw.tenants.create({ id, slug: id, name: id });
      await pw.tenants.addDomain(id, `shop.${id}.test`);
    }
  });
  afterAll(() => pw.close());

  async function asked(parts: readonly (readonly [kind: string, name: Name])[]) {
    const refusals: PartywallError["code"][] = [];
    const enter = tenancy(pw, {
      resolve: parts.map(([kind]) => KINDS[kind]!.resolver),
      authorize: () => true,
      onRefusal: ({ error }) => void refusals.push(error.code),
    });
    const said = (what: "host" | "url") =>
      parts
        .map(([kind, name]) => KINDS[kind]![what]?.(name) ?? "")
        .toSorted((a) => (a.startsWith("/") ? -1 : 1))
        .join("");
    const target = said("url");
    const url = `http://${said("host") || "example.com"}${target.startsWith("/") ? "" : "/"}${target}`;
    const headers = Object.assign({}, ...parts.map(([kind, name]) => KINDS[kind]!.headers?.(name)));
    const answer = await enter(async () => new Response(pw.current().id))(
      new Request(url, { headers: headers as Record<string, string> }),
    );
    return { status: answer.status, body: await answer.text(), refusals };
  }

  const names = Object.keys(KINDS);
  const pairs = names
    .flatMap((one, at) => names.slice(at + 1).map((other) => [one, other] as const))
    // A request has one host.
    .filter(([one, other]) => KINDS[one]!.host === undefined || KINDS[other]!.host === undefined);
  const inBothOrders = pairs.flatMap(([one, other]) => [
    [one, other] as const,
    [other, one] as const,
  ]);

  it("are all here, in every pair that one request can hold", () => {
    expect(inBothOrders).toHaveLength(names.length * (names.length - 1) - 2);
  });

  it.each(names)("%s alone enters its tenant", async (kind) => {
    expect(await asked([[kind, "globex"]])).toEqual({ status: 200, body: "globex", refusals: [] });
  });

  it.each(inBothOrders)("%s and %s agree, or the request is refused", async (one, other) => {
    const agreed = [
      [one, "acme"],
      [other, "acme"],
    ] as const;
    expect(await asked(agreed)).toEqual({ status: 200, body: "acme", refusals: [] });
    const torn = [
      [one, "acme"],
      [other, "globex"],
    ] as const;
    const { status, body, refusals } = await asked(torn);
    expect(status).toBe(400);
    expect(body).not.toMatch(/acme|globex/);
    expect(refusals).toEqual(["PW_TENANT_AMBIGUOUS"]);
  });
});
