import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { handshakeAuth, tenancy } from "partywall/frameworks/socket-io";
import { subdomain } from "partywall/resolvers";
import { Server } from "socket.io";
import { describe, expect, it, onTestFinished } from "vitest";
import { ask } from "../http.js";
import { threeTenants, where } from "../instance.js";
import { live } from "./host.js";

describe("socket.io: the handshake", () => {
  it("tells an unknown, a forbidden and a suspended tenant the same, and a member of a suspended one more", async () => {
    const { refused, members } = await live();
    members.delete("ada@acme");
    const [unknown, forbidden, suspended] = await Promise.all(
      ["nobody", "acme", "umbra"].map((tenant) => refused({ tenant })),
    );
    expect(unknown).toMatchObject({ data: { code: "PW_TENANT_UNKNOWN", status: 404 } });
    expect(forbidden).toEqual(unknown);
    expect(suspended).toEqual(unknown);
    members.add("ada@umbra");
    expect(await refused({ tenant: "umbra" })).toMatchObject({
      data: { code: "PW_TENANT_SUSPENDED" },
    });
  });

  it("refuses identifiers that conflict, wherever they are, and what is no identifier", async () => {
    const { refused } = await live();
    const code = async (...how: Parameters<typeof refused>) =>
      ((await refused(...how)).data as { code: string }).code;
    const elsewhere = { extraHeaders: { "x-tenant": "globex" } };
    expect(await code({ tenant: "acme" }, elsewhere)).toBe("PW_TENANT_AMBIGUOUS");
    expect(await code({ tenant: "acme" }, { extraHeaders: { host: "globex.example.com" } })).toBe(
      "PW_TENANT_AMBIGUOUS",
    );
    for (const tenant of ["acme:x", "t:t-globex:room", ["acme", "globex"], { slug: "acme" }, 7, ""])
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await code({ tenant })).toBe("PW_TENANT_INVALID");
    expect(await code({})).toBe("PW_TENANT_UNRESOLVED");
  });

  it("runs middleware and connection listeners in the tenant's scope, and only for who is let in", async () => {
    const { pw, io, join, refused } = await live();
    const seen: string[] = [];
    // A library that has lost the context, as a pool does that calls back from its own.
    const waiting: (() => void)[] = [];
    const pump = setInterval(() => waiting.splice(0).forEach((next) => next()), 2);
    onTestFinished(() => clearInterval(pump));
    io.use((socket, next) => {
      seen.push(`use ${where(pw)} ${String(socket.handshake.auth["user"])}`);
      waiting.push(next);
    });
    io.on("connection", () => seen.push(`connection ${where(pw)} ${String(pw.principal())}`));
    await join("acme");
    await join("globex", "bob");
    await refused({ tenant: "umbra" });
    expect(seen).toEqual([
      "use acme ada",
      "connection acme ada",
      "use globex bob",
      "connection globex bob",
    ]);
  });

  it("lets nobody join another tenant over the connection that it has", async () => {
    const { io, join, open } = await live();
    io.of("/other");
    const first = await join("acme", "ada", { multiplex: true });
    const second = first.socket.io.socket("/other", { auth: { tenant: "globex", user: "ada" } });
    const [error] = (await once(second.connect() as never, "connect_error")) as [
      { data: { code: string } },
    ];
    expect(error.data.code).toBe("PW_TENANT_AMBIGUOUS");
    second.disconnect();
    const third = open({ tenant: "globex", user: "ada" }, {}, "/other");
    await new Promise<void>((done) => third.socket.once("connect", done));
  });

  it("opens nothing for a client that left while it was decided upon", async () => {
    let decide = () => {};
    const decided = new Promise<void>((done) => (decide = done));
    const { io, open } = await live({ authorize: () => decided.then(() => true) });
    let opened = 0;
    io.on("connection", () => (opened += 1));
    const { socket } = open({ tenant: "acme" });
    await sleep(50);
    socket.disconnect();
    await sleep(20);
    decide();
    await sleep(20);
    expect(opened).toBe(0);
    expect(io.sockets.sockets.size).toBe(0);
  });

  it("says nothing of a hook that failed, and tells the application", async () => {
    const { refused, errors } = await live({
      authorize: () => {
        throw new Error("the database's password is hunter2");
      },
    });
    expect(JSON.stringify(await refused({ tenant: "acme" }))).not.toContain("hunter2");
    expect(errors).toHaveLength(1);
  });

  it("refuses a connection's id of polling through another tenant's door", async () => {
    const { io, port, pw } = await live();
    const heard: string[] = [];
    io.on("connection", (socket) =>
      socket.on("say", (text: string) => heard.push(`${where(pw)} ${text}`)),
    );
    const url = "/socket.io/?EIO=4&transport=polling";
    const acme = { "x-tenant": "acme" };
    const opened = await ask(port, { path: url, headers: acme });
    const { sid } = JSON.parse(opened.body.slice(1)) as { sid: string };
    const post = (headers: Record<string, string>, body: string) =>
      ask(port, { path: `${url}&sid=${sid}`, method: "POST", headers, body });
    expect((await post(acme, '40{"tenant":"acme"}')).status).toBe(200);
    expect((await post({ host: "globex.example.com" }, '42["say","stolen"]')).status).toBe(400);
    expect((await post({ "x-tenant": "globex" }, '42["say","stolen"]')).body).toContain(
      "PW_TENANT_AMBIGUOUS",
    );
    expect((await post({ "x-tenant": "acme, globex" }, '42["say","stolen"]')).status).toBe(400);
    expect((await post({}, '42["say","own"]')).status).toBe(200);
    await expect.poll(() => heard).toEqual(["acme own"]);
  });

  it("lets a client of polling change to WebSocket", async () => {
    const { join } = await live();
    const { socket } = await join("acme", "ada", { transports: ["polling", "websocket"] });
    await expect.poll(() => socket.io.engine.transport.name).toBe("websocket");
  });

  it("wants its server fresh, known and once, and options that can be meant", async () => {
    const pw = await threeTenants();
    const options = { resolve: subdomain("example.com") };
    const refuses = (make: () => unknown) =>
      expect(make).toThrow(expect.objectContaining({ code: "PW_CONFIG" }));
    const io = new Server();
    tenancy(pw, io, options);
    refuses(() => tenancy(pw, io, options));
    refuses(() => tenancy(pw, { sockets: {}, of: () => undefined }, options));
    refuses(() => tenancy(pw, new Server(), { resolve: handshakeAuth("tenant") }));
    refuses(() => tenancy(pw, new Server(), { ...options, routes: () => "central" } as never));
    const used = await live();
    await used.join("acme");
    refuses(() => tenancy(pw, used.io, options));
  });
});
