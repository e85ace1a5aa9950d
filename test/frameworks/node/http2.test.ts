import { once } from "node:events";
import { connect, createServer, type OutgoingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import { tenancy } from "partywall/frameworks/node";
import { subdomain } from "partywall/resolvers";
import { expect, it, onTestFinished } from "vitest";
import { threeTenants, where } from "../instance.js";

async function application() {
  const pw = await threeTenants();
  const guarded = tenancy(pw, { resolve: subdomain("example.com") });
  const server = createServer(guarded((_req, res) => void res.end(where(pw)))).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  return async (headers: OutgoingHttpHeaders) => {
    const stream = client.request({ ":path": "/", ...headers });
    const [answer] = await once(stream, "response");
    let body = "";
    for await (const chunk of stream.setEncoding("utf8")) body += chunk;
    return [answer[":status"], body.startsWith("{") ? JSON.parse(body).code : body];
  };
}

it("finds the tenant in the authority of HTTP/2", async () => {
  const ask = await application();
  expect(await ask({ ":authority": "acme.example.com" })).toEqual([200, "acme"]);
  expect(await ask({ ":authority": "globex.example.com" })).toEqual([200, "globex"]);
});

it("cannot be given a host beside the authority of HTTP/2 that says another tenant", async () => {
  const ask = await application();
  expect(await ask({ ":authority": "acme.example.com", host: "globex.example.com" })).toEqual([
    400,
    "PW_TENANT_AMBIGUOUS",
  ]);
});
