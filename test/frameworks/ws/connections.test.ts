import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { header, subdomain } from "partywall/resolvers";
import { tenancy } from "partywall/frameworks/ws";
import type { WsTenancyOptions } from "partywall/frameworks/ws";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { IncomingMessage } from "node:http";
import { threeTenants, where } from "../instance.js";
import { dial, shout } from "../http.js";

type Options = WsTenancyOptions<IncomingMessage, string, Readonly<Record<string, unknown>>>;

/** A server whose every client is a member of Acme and Globex, unless `members` says otherwise. */
async function live(
  given: Partial<Options> = {},
  server: ConstructorParameters<typeof WebSocketServer>[0] = { noServer: true },
) {
  const pw = await threeTenants();
  const members = new Set(["ada@acme", "ada@globex", "bob@acme", "bob@globex"]);
  const wss = new WebSocketServer(server);
  const errors: unknown[] = [];
  const wall = tenancy(pw, wss, {
    resolve: [header("x-tenant"), subdomain("example.com")],
    principal: async (req) => {
      await sleep(1);
      return String(req.headers["x-user"] ?? "ada");
    },
    authorize: ({ tenant, principal }) => members.has(`${principal}@${tenant.slug}`),
    onError: (error) => errors.push(error),
    ...given,
  });
  const http = createServer().on("upgrade", wall.handleUpgrade).listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  onTestFinished(() => {
    for (const client of wss.clients ?? []) client.terminate();
    http.close();
  });
  /** A client, once it is open; what it is sent is gathered from the first. */
  const join = async (tenant: string, headers: Record<string, string> = {}) => {
    const client = new WebSocket(`ws://127.0.0.1:${port}`, {
      headers: { "x-tenant": tenant, ...headers },
    });
    onTestFinished(() => client.terminate());
    const got: string[] = [];
    client.on("message", (data) => got.push((data as Buffer).toString()));
    const closed = once(client, "close");
    await once(client, "open");
    return { client, got, closed };
  };
  /** The whole answer to an upgrade, as bytes. */
  const upgrade = (lines: string[]) =>
    shout(
      port,
      ["GET / HTTP/1.1", "Host: example.com", ...lines].join("\r\n") +
        "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
  return { pw, wss, wall, http, port, join, upgrade, members, errors };
}

describe("ws: the upgrade", () => {
  it("answers an unknown, a forbidden and a suspended tenant with the same bytes", async () => {
    const { upgrade, members } = await live();
    members.delete("ada@acme");
    const [unknown, forbidden, suspended] = await Promise.all(
      ["nobody", "acme", "umbra"].map((tenant) => upgrade([`X-Tenant: ${tenant}`])),
    );
    expect(unknown).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    expect(unknown).toContain('"code":"PW_TENANT_UNKNOWN"');
    expect(forbidden).toBe(unknown);
    expect(suspended).toBe(unknown);
  });

  it("refuses two identifiers that name different tenants, and none", async () => {
    const { upgrade } = await live();
    expect(await upgrade(["X-Tenant: acme", "X-Tenant: globex"])).toContain("PW_TENANT_AMBIGUOUS");
    const conflicting = ["GET / HTTP/1.1", "Host: globex.example.com", "X-Tenant: acme"];
    const { port } = await live();
    expect(
      await shout(
        port,
        `${conflicting.join("\r\n")}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      ),
    ).toMatch(/^HTTP\/1\.1 400 .*PW_TENANT_AMBIGUOUS/s);
    expect(await upgrade([])).toMatch(/^HTTP\/1\.1 404 .*PW_TENANT_UNRESOLVED/s);
  });

  it("tells a suspended tenant's own member so", async () => {
    const { upgrade, members } = await live();
    members.add("ada@umbra");
    expect(await upgrade(["X-Tenant: umbra"])).toMatch(/^HTTP\/1\.1 403 .*PW_TENANT_SUSPENDED/s);
  });

  it("outlives clients that leave while they are decided upon, and opens nothing for them", async () => {
    let decide = () => {};
    const decided = new Promise<void>((done) => (decide = done));
    const { port, wss, http } = await live({ authorize: () => decided.then(() => true) });
    // What Node.js tells of a connection that broke, where it notices by itself.
    http.on("upgrade", (_req, socket) => setTimeout(() => socket.destroy(new Error("reset")), 5));
    let opened = 0;
    wss.on("connection", () => (opened += 1));
    for (const end of ["destroy", "resetAndDestroy"] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const socket = await dial(port);
      socket.write(
        "GET / HTTP/1.1\r\nHost: x\r\nX-Tenant: acme\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await sleep(20);
      socket[end]();
    }
    await sleep(20);
    decide();
    await sleep(20);
    expect(opened).toBe(0);
    expect(wss.clients.size).toBe(0);
  });

  it("answers 500 without a word when a hook fails, and tells the application", async () => {
    const { upgrade, errors } = await live({
      authorize: () => {
        throw new Error("the database's password is hunter2");
      },
    });
    const answer = await upgrade(["X-Tenant: acme"]);
    expect(answer).toMatch(/^HTTP\/1\.1 500 /);
    expect(answer).not.toContain("hunter2");
    expect(errors).toHaveLength(1);
  });

  it("refuses a server that would accept connections by itself, and options that cannot be meant", async () => {
    const pw = await threeTenants();
    const http = createServer();
    const options = { resolve: subdomain("example.com") };
    const refused = (make: () => unknown) =>
      expect(make).toThrow(expect.objectContaining({ code: "PW_CONFIG" }));
    refused(() => tenancy(pw, new WebSocketServer({ server: http }), options));
    const wss = () => new WebSocketServer({ noServer: true });
    refused(() => tenancy(pw, wss(), { ...options, recheckMs: -1 }));
    refused(() => tenancy(pw, wss(), { ...options, sweepMs: 0 }));
    refused(() => tenancy(pw, wss(), { ...options, routes: () => "central" } as never));
    refused(() => tenancy(pw, wss(), { ...options, athorize: () => true } as never));
    refused(() => tenancy(pw, wss(), { resolve: header("x-tenant") }));
  });
});

describe("ws: messages", () => {
  it("never mixes two tenants under load, with compression on a shared queue", async () => {
    const { pw, wss, join } = await live(
      {},
      { noServer: true, perMessageDeflate: { threshold: 0, concurrencyLimit: 1 } },
    );
    wss.on("connection", (socket) => {
      const answer = async (data: unknown) => {
        const seen = [where(pw)];
        await sleep(Math.random() * 3);
        seen.push(where(pw));
        socket.send(`${(data as Buffer).toString()} ${seen.join(" ")}`, () => {
          seen.push(where(pw));
          socket.send(`sent ${where(pw)}`);
        });
      };
      socket.on("message", (data) => void answer(data));
    });
    const clients = await Promise.all(
      Array.from({ length: 12 }, (_, at) => join(at % 2 === 0 ? "acme" : "globex")),
    );
    for (let message = 0; message < 30; message += 1)
      for (const { client } of clients) client.send(String(message));
    await expect.poll(() => clients.map(({ got }) => got.length)).toEqual(clients.map(() => 60));
    clients.forEach(({ got }, at) => {
      const own = at % 2 === 0 ? "acme" : "globex";
      expect(new Set(got.map((line) => line.replace(/^\d+ /, "")))).toEqual(
        new Set([`${own} ${own}`, `sent ${own}`]),
      );
    });
  });

  it("come in the order in which they were sent, however long each decision takes", async () => {
    let asked = 0;
    const { wss, join } = await live({
      authorize: () => sleep((asked += 1) % 3 === 0 ? 5 : 0, true),
    });
    const seen: string[] = [];
    wss.on("connection", (socket) => {
      socket.on("message", (data) => seen.push((data as Buffer).toString()));
      socket.on("close", () => seen.push("close"));
    });
    const { client } = await join("acme");
    const sent = Array.from({ length: 25 }, (_, at) => String(at));
    for (const text of sent) client.send(text);
    client.close();
    await expect.poll(() => seen).toEqual([...sent, "close"]);
  });

  it("are not heard once the membership has gone, and the connection is closed", async () => {
    const { wss, join, members } = await live();
    const seen: string[] = [];
    wss.on("connection", (socket) =>
      socket.on("message", (data) => seen.push((data as Buffer).toString())),
    );
    const { client, closed } = await join("acme");
    client.send("first");
    await expect.poll(() => seen).toEqual(["first"]);
    members.delete("ada@acme");
    client.send("second");
    client.send("third");
    expect((await closed)[0]).toBe(1008);
    expect(seen).toEqual(["first"]);
  });

  it("are not heard once the tenant is suspended, even where a decision still stands", async () => {
    const { pw, wss, join } = await live({ recheckMs: 60_000 });
    const seen: string[] = [];
    wss.on("connection", (socket) =>
      socket.on("message", (data) => seen.push((data as Buffer).toString())),
    );
    const { client, closed } = await join("acme");
    client.send("first");
    await expect.poll(() => seen).toEqual(["first"]);
    await pw.tenants.suspend("t-acme");
    client.send("second");
    await closed;
    expect(seen).toEqual(["first"]);
  });

  it("asks once for many messages where a decision stands, and each time where not", async () => {
    for (const [recheckMs, atMost] of [
      [60_000, 3],
      [0, 22],
    ] as const) {
      let asked = 0;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { wss, join } = await live({ recheckMs, authorize: () => ((asked += 1), true) });
      let heard = 0;
      wss.on("connection", (socket) => socket.on("message", () => (heard += 1)));
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { client } = await join("acme");
      for (let at = 0; at < 20; at += 1) client.send("x");
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect.poll(() => heard).toBe(20);
      expect(asked).toBeLessThanOrEqual(atMost);
      if (recheckMs === 0) expect(asked).toBeGreaterThanOrEqual(20);
    }
  });

  it("a slug that now leads to another tenant closes the connection of the one before", async () => {
    const { pw, wss, join } = await live();
    const seen: string[] = [];
    wss.on("connection", (socket) => socket.on("message", () => seen.push(where(pw))));
    const { client, closed } = await join("acme");
    await pw.tenants.update("t-acme", { slug: "acme-old" });
    await pw.tenants.update("t-globex", { slug: "acme" });
    client.send("whose am I");
    await closed;
    expect(seen).toEqual([]);
  });

  it("a session that now is another user's closes the connection", async () => {
    let user = "ada";
    const { wss, join } = await live({ principal: () => user });
    const seen: unknown[] = [];
    wss.on("connection", (socket) => socket.on("message", (data) => seen.push(data)));
    const { client, closed } = await join("acme");
    user = "bob";
    client.send("as whom");
    await closed;
    expect(seen).toEqual([]);
  });

  it("pausing by the application is not undone by the gate", async () => {
    const { wss, join } = await live();
    const seen: string[] = [];
    const first = new EventEmitter();
    wss.on("connection", (socket) => {
      socket.on("message", (data) => {
        seen.push((data as Buffer).toString());
        socket.pause();
        first.emit("heard");
        setTimeout(() => {
          seen.push("resumed");
          socket.resume();
        }, 60);
      });
    });
    const { client } = await join("acme");
    client.send("1");
    await once(first, "heard");
    client.send("2");
    await expect.poll(() => seen).toEqual(["1", "resumed", "2", "resumed"]);
  });
});

describe("ws: sending", () => {
  it("reaches the current tenant's connections and no other's, however it is done", async () => {
    const { pw, wss, wall, join } = await live();
    const acme = await Promise.all([join("acme"), join("acme", { "x-user": "bob" })]);
    const globex = await join("globex");
    await pw.run({ slug: "acme" }, () => {
      expect(wall.broadcast("by broadcast")).toBe(2);
      for (const client of wss.clients) client.send("by iteration");
      wss.clients.forEach((client) => client.send("by forEach"));
    });
    await pw.run({ slug: "globex" }, () => expect(wall.broadcast("for globex")).toBe(1));
    const forAcme = ["by broadcast", "by iteration", "by forEach"];
    for (const one of acme) await expect.poll(() => one.got).toEqual(forAcme);
    await expect.poll(() => globex.got).toEqual(["for globex"]);
  });

  it("throws where no tenant is current, and in another tenant's scope", async () => {
    const { pw, wss, wall, join } = await live();
    const acme = await join("acme");
    const [socket] = [...wss.clients];
    const code = (fn: () => unknown) => {
      try {
        fn();
        return "sent";
      } catch (error) {
        return (error as { code?: unknown }).code;
      }
    };
    for (const send of [() => wall.broadcast("x"), () => socket?.send("x")]) {
      expect(code(send)).toBe("PW_NO_SCOPE");
      expect(await pw.central(() => code(send))).toBe("PW_CENTRAL_SCOPE");
    }
    expect(await pw.run("t-globex", () => code(() => socket?.send("x")))).toBe("PW_SCOPE_SWITCH");
    expect(await pw.run("t-globex", () => wall.broadcast("x"))).toBe(0);
    expect(acme.got).toEqual([]);
    const system = { reason: "maintenance is announced" };
    expect(await pw.system(system, () => wall.broadcast("for all"))).toBe(1);
    await expect.poll(() => acme.got).toEqual(["for all"]);
  });

  it("leaves heartbeats and closing to the application, outside every scope", async () => {
    const { wss, join } = await live();
    const clients = await Promise.all([join("acme"), join("globex")]);
    let pongs = 0;
    for (const socket of wss.clients) {
      socket.on("pong", () => (pongs += 1));
      socket.ping();
    }
    await expect.poll(() => pongs).toBe(2);
    for (const socket of wss.clients) socket.terminate();
    await Promise.all(clients.map(({ closed }) => closed));
    await expect.poll(() => wss.clients.size).toBe(0);
  });

  it("ends a client that does not read, for the sake of the others", async () => {
    const { pw, wss, wall, join } = await live({ maxBufferedBytes: 1024 });
    const slow = await join("acme");
    const quick = await join("acme", { "x-user": "bob" });
    slow.client.pause();
    const data = "x".repeat(1024 * 1024);
    await expect
      .poll(() => pw.run("t-acme", () => void wall.broadcast(data)).then(() => wss.clients.size))
      .toBe(1);
    const before = quick.got.length;
    await pw.run("t-acme", () => void wall.broadcast("still there"));
    await expect.poll(() => quick.got.slice(before)).toContain("still there");
  });
});

describe("ws: eviction", () => {
  it("closes a tenant's, a principal's, or a principal's in a tenant, and nobody else's", async () => {
    const { pw, wall, join } = await live();
    const open = async () => ({
      adaAcme: await join("acme"),
      bobAcme: await join("acme", { "x-user": "bob" }),
      adaGlobex: await join("globex"),
    });
    const states = (all: Record<string, { client: WebSocket }>) =>
      Object.entries(all)
        .filter(([, { client }]) => client.readyState === WebSocket.OPEN)
        .map(([name]) => name);

    const first = await open();
    expect(wall.evict({ tenant: "t-acme" })).toBe(2);
    await expect.poll(() => states(first)).toEqual(["adaGlobex"]);
    expect(wall.evict({ principal: "ada" })).toBe(1);
    await first.adaGlobex.closed;

    const second = await open();
    expect(wall.evict({ tenant: "t-acme", principal: "ada" })).toBe(1);
    await expect.poll(() => states(second)).toEqual(["bobAcme", "adaGlobex"]);

    // In a tenant's scope a principal's connections to other tenants are none of its business.
    expect(await pw.run("t-acme", () => wall.evict({ principal: "ada" }))).toBe(0);
    await expect(pw.run("t-acme", () => wall.evict({ tenant: "t-globex" }))).rejects.toMatchObject({
      code: "PW_SCOPE_SWITCH",
    });
    expect(() => wall.evict({})).toThrow(expect.objectContaining({ code: "PW_CONFIG" }));
    expect(states(second)).toEqual(["bobAcme", "adaGlobex"]);
  });

  it("comes by itself to who only listens, when the membership or the tenant has gone", async () => {
    const { pw, join, members } = await live({ sweepMs: 10 });
    const ada = await join("acme");
    const bob = await join("acme", { "x-user": "bob" });
    const globex = await join("globex");
    members.delete("ada@acme");
    expect((await ada.closed)[0]).toBe(1008);
    await pw.tenants.suspend("t-globex");
    await globex.closed;
    expect(bob.client.readyState).toBe(WebSocket.OPEN);
  });

  it("comes at once to who only listens when the tenant is shut out, and to nobody for another change", async () => {
    const asked: string[] = [];
    const { pw, wall, join } = await live({
      sweepMs: false,
      authorize: ({ tenant }) => (asked.push(tenant.slug), true),
    });
    const [acme, globex] = [await join("acme"), await join("globex")];
    await expect.poll(() => asked).toHaveLength(4);
    await pw.tenants.update("t-acme", { name: "Acme & Sons" });
    await pw.tenants.suspend("t-globex");
    expect((await globex.closed)[0]).toBe(1008);
    await pw.run("t-acme", () => wall.broadcast("still there"));
    await expect.poll(() => acme.got).toEqual(["still there"]);
    // One lookup told that Acme is not shut out: none of its connections had to be asked about.
    expect(asked).toHaveLength(4);
    await pw.tenants.delete("t-acme");
    await acme.closed;
  });

  it("reaches who was being let in while the membership went", async () => {
    let asked = 0;
    const { join } = await live({ sweepMs: false, authorize: () => (asked += 1) === 1 });
    const { closed } = await join("acme");
    expect((await closed)[0]).toBe(1008);
  });
});
