import { SignJWT } from "jose";
import type { Secrets } from "./secrets.js";
import { tenant } from "./tenants.js";

/** A line for a shell, and what it shows. */
interface Line {
  readonly shows: string;
  readonly curl: string;
}

/** What is printed when the shop is open. */
export async function welcome(port: number, secrets: Secrets): Promise<string> {
  const lines = await curlLines(port, secrets);
  return [
    "",
    `The music shop is open: http://127.0.0.1:${port}/`,
    `Its tenants: http://acme.localhost:${port}/ http://bluebird.localhost:${port}/ http://cassette.localhost:${port}/`,
    "Paste any of these into another terminal:",
    ...lines.map(({ shows, curl }) => `\n# ${shows}\n${curl}`),
    "",
    "Ctrl-C stops the shop and its database; the data stays.",
    "",
  ].join("\n");
}

async function curlLines(port: number, secrets: Secrets): Promise<Line[]> {
  const at = (slug: string, path: string) => `http://${slug}.localhost:${port}${path}`;
  const key = (slug: string) => `-H 'x-api-key: ${secrets.apiKeys[slug]}'`;
  const token = await tokenOf(tenant("cassette").id, secrets);
  // PostgreSQL takes a text in quotes for bytea where one is asked for, as encode() does.
  const steal = `no such title' or set_config('backtrace_functions', 'pw_' || encode('${tenant("bluebird").id}', 'hex'), true) is not null --`;
  return [
    {
      shows: "Two tenants, the same query, different rows",
      curl: `curl ${key("acme")} ${at("acme", "/albums")}`,
    },
    { shows: "… and the other one", curl: `curl ${key("bluebird")} ${at("bluebird", "/albums")}` },
    {
      shows: "The tenant by header, its key beside it",
      curl: `curl ${key("acme")} -H 'x-tenant: acme' http://127.0.0.1:${port}/orders`,
    },
    {
      shows: "The tenant by a signed token",
      curl: `curl -H 'authorization: Bearer ${token}' http://127.0.0.1:${port}/whoami`,
    },
    {
      shows: "An order: numbered by its shop, stamped with its tenant by the database",
      curl: `curl ${key("acme")} -H 'content-type: application/json' -d '{"customerId":1,"trackIds":[1,2]}' ${at("acme", "/orders")}`,
    },
    {
      shows: "A handler that forgot the scope: an error (PW_NO_SCOPE), nothing was sent",
      curl: `curl http://127.0.0.1:${port}/forgotten`,
    },
    {
      shows: "SQL injected into a vulnerable handler: still acme's rows only",
      curl: `curl -G ${key("acme")} ${at("acme", "/search")} --data-urlencode "q=' or true --"`,
    },
    {
      shows: "An injected set_config that would become bluebird: refused by the database",
      curl: `curl -G ${key("acme")} ${at("acme", "/search")} --data-urlencode "q=${steal}"`,
    },
    {
      shows: "A suspended tenant, with its own key: 403",
      curl: `curl ${key("deadwax")} ${at("deadwax", "/albums")}`,
    },
    {
      shows: "A tenant that is not yours …",
      curl: `curl ${key("acme")} -H 'x-tenant: bluebird' http://127.0.0.1:${port}/albums`,
    },
    {
      shows: "… and one that does not exist: the same 404",
      curl: `curl ${key("acme")} -H 'x-tenant: nobody' http://127.0.0.1:${port}/albums`,
    },
    { shows: "No tenant at all: 404", curl: `curl http://127.0.0.1:${port}/albums` },
    {
      shows: "Rows shared by all tenants, read in the central scope",
      curl: `curl http://127.0.0.1:${port}/genres`,
    },
  ];
}

function tokenOf(tid: string, secrets: Secrets): Promise<string> {
  return new SignJWT({ tid })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer("music-shop")
    .setExpirationTime("12h")
    .sign(Buffer.from(secrets.jwt));
}
