import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { Adapter } from "socket.io-adapter";
import { describe, expect, it } from "vitest";
import { nameOf, roomOf, tenantRoom } from "../../../src/frameworks/socket-io/rooms.js";
import { where } from "../instance.js";
import { codeOf, live, settled } from "./host.js";

/** Two clients of Acme and one of Globex, in rooms of the same names. */
async function neighbours(...given: Parameters<typeof live>) {
  const host = await live(...given);
  const { io, pw, join } = host;
  io.on("connection", async (socket) => {
    socket.on("settled?", (done: () => void) => done());
    socket.on("join", (room: string, done: () => void) => {
      void socket.join(room);
      done();
    });
    await socket.join("news");
  });
  const ada = await join("acme", "ada");
  const bob = await join("acme", "bob");
  const globex = await join("globex", "ada");
  const all = [ada, bob, globex];
  await settled(all);
  const inAcme = <T>(fn: () => T) => pw.run("t-acme", fn);
  const got = async () => {
    await settled(all);
    const now = all.map((client) => client.got.splice(0));
    return { ada: now[0], bob: now[1], globex: now[2] };
  };
  return { ...host, ada, bob, globex, all, inAcme, got };
}

describe("socket.io: rooms and broadcasts", () => {
  it("whatever is emitted reaches the current tenant's sockets and no other's", async () => {
    const { io, ada, inAcme, got } = await neighbours();
    await inAcme(() => {
      io.emit("emit");
      io.send("send");
      io.to("news").emit("to");
      io.in(["news", "nothing"]).emit("in");
      io.except("nothing").emit("except");
      io.compress(false).emit("compress");
      io.local.emit("local");
      io.of("/")
        .to("news")
        .except(ada.socket.id ?? "")
        .emit("but ada");
      io.sockets.emit("sockets");
    });
    const both = "emit|message send|to|in|except|compress|local".split("|");
    expect(await got()).toEqual({
      ada: [...both, "sockets"],
      bob: [...both, "but ada", "sockets"],
      globex: [],
    });
    // While there is nothing else to write, or it would be dropped.
    await inAcme(() => io.volatile.emit("volatile"));
    expect(await got()).toEqual({ ada: ["volatile"], bob: ["volatile"], globex: [] });
  });

  it("throws where no tenant is current; a system scope reaches all, and names no rooms", async () => {
    const { io, pw, got } = await neighbours();
    for (const send of [
      () => io.emit("x"),
      () => io.to("news").emit("x"),
      () => io.disconnectSockets(),
      () => io.socketsJoin("x"),
      () => io.fetchSockets(),
      () => io.serverSideEmit("x"),
      () => [...io.sockets.sockets.values()][0]?.emit("x"),
      () => [...io.sockets.sockets.values()][0]?.broadcast.emit("x"),
      () => io.of("/").adapter.rooms,
    ])
      expect(codeOf(send)).toBe("PW_NO_SCOPE");
    expect(await pw.central(() => codeOf(() => io.emit("x")))).toBe("PW_CENTRAL_SCOPE");
    const system = { reason: "maintenance is announced" };
    expect(await pw.system(system, () => codeOf(() => io.to("news").emit("x")))).toBe(
      "PW_CENTRAL_SCOPE",
    );
    await pw.system(system, () => io.emit("for all"));
    expect(await got()).toEqual({ ada: ["for all"], bob: ["for all"], globex: ["for all"] });
  });

  it("a room that a client names is its own tenant's, whatever the name looks like", async () => {
    const { io, pw, ada, globex, all, inAcme, got } = await neighbours();
    const names = [
      "secret",
      "t:t-globex:secret",
      roomOf("t-globex", "secret"),
      tenantRoom("t-globex"),
      "T:t-globex",
      "M:t-globex:YQBkAGEA",
      "{tenant}",
      "../t-globex:secret",
      "t-globex\u0000secret",
      globex.socket.id ?? "",
      "__proto__",
      "",
      "#",
      "*",
    ];
    for (const name of names)
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await new Promise<void>((done) => void ada.socket.emit("join", name, done));
    await pw.run("t-globex", () => {
      io.emit("for globex");
      for (const name of names) io.to(name).emit("for globex");
    });
    await settled(all);
    expect(await got()).toEqual({
      ada: [],
      bob: [],
      // Once to all, and once to the room of its own id.
      globex: ["for globex", "for globex"],
    });
    await inAcme(() => {
      for (const name of names) io.to(name).emit("in", JSON.stringify(name));
    });
    expect(await got()).toEqual({
      ada: names.map((name) => `in ${JSON.stringify(name)}`),
      bob: [],
      globex: [],
    });
  });

  it("no two tenants' rooms have the same name, and each gives its own back", () => {
    const text = fc.string({ unit: "binary", maxLength: 12 });
    const id = fc.oneof(
      fc.constantFrom("a", "a:b", "a%3Ab", ":", "t", "T:a"),
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }),
    );
    fc.assert(
      fc.property(id, text, id, text, (a, roomA, b, roomB) => {
        expect(nameOf(a, roomOf(a, roomA))).toBe(roomA);
        if (a !== b) expect(roomOf(a, roomA)).not.toBe(roomOf(b, roomB));
        if (a !== b) expect(nameOf(b, roomOf(a, roomA))).toBeUndefined();
        expect(tenantRoom(a)).not.toBe(roomOf(b, roomB));
      }),
    );
  });

  it("shows the sockets and rooms of the current tenant only", async () => {
    const { io, pw, ada, bob, globex, inAcme } = await neighbours();
    const own = [ada.socket.id ?? "", bob.socket.id ?? ""].toSorted();
    await inAcme(async () => {
      const fetched = await io.fetchSockets();
      expect(fetched.map(({ id }) => id).toSorted()).toEqual(own);
      for (const { id, rooms } of fetched)
        expect([...rooms].toSorted()).toEqual([id, "news"].toSorted());
      expect([...(await io.allSockets())].toSorted()).toEqual(own);
      expect([...io.sockets.sockets.keys()].toSorted()).toEqual(own);
      expect(io.sockets.sockets.get(globex.socket.id ?? "")).toBeUndefined();
      expect([...io.of("/").adapter.rooms.keys()].toSorted()).toEqual([...own, "news"].toSorted());
      expect([...io.of("/").adapter.sids.keys()].toSorted()).toEqual(own);
      expect(await io.in(globex.socket.id ?? "").fetchSockets()).toEqual([]);
    });
    await pw.system({ reason: "a count" }, async () => {
      expect(await io.fetchSockets()).toHaveLength(3);
      expect(io.of("/").adapter.rooms.size).toBeGreaterThan(6);
    });
  });

  it("cannot put, take or cut off another tenant's sockets", async () => {
    const { io, pw, ada, globex, all, inAcme, got } = await neighbours();
    const [foreign] = [...io.sockets.sockets.values()].filter(({ id }) => id === globex.socket.id);
    await inAcme(() => {
      expect(codeOf(() => foreign?.join("news of acme"))).toBe("PW_SCOPE_SWITCH");
      expect(codeOf(() => foreign?.leave("news"))).toBe("PW_SCOPE_SWITCH");
      expect(codeOf(() => foreign?.emit("x"))).toBe("PW_SCOPE_SWITCH");
      expect(foreign?.rooms.size).toBe(0);
      io.in(globex.socket.id ?? "").socketsJoin("news of acme");
      io.socketsJoin("everybody");
      io.socketsLeave("news");
      io.in(globex.socket.id ?? "").disconnectSockets(true);
      io.to("news of acme").emit("x");
      foreign?.to("everybody").emit("by a foreign socket");
    });
    await pw.run("t-globex", () => {
      io.to("everybody").emit("y");
      io.to("news").emit("still in news");
    });
    expect(await got()).toEqual({
      ada: ["by a foreign socket"],
      bob: ["by a foreign socket"],
      globex: ["still in news"],
    });
    await inAcme(() => io.disconnectSockets(true));
    await expect
      .poll(() => all.map(({ socket }) => socket.connected))
      .toEqual([false, false, true]);
    expect(ada.socket.connected).toBe(false);
  });

  it("acknowledgements are those of the tenant's sockets, and are answered in the scope that asked", async () => {
    const { io, pw, inAcme } = await neighbours();
    const seen: string[] = [];
    await inAcme(async () => {
      const answers = await io.timeout(15_000).emitWithAck("who");
      seen.push(`${(answers as string[]).join()} ${where(pw)}`);
      await new Promise<void>((done) => {
        io.timeout(15_000).emit("by callback", (_error: unknown, answered: string[]) => {
          seen.push(`${answered.join()} ${where(pw)}`);
          done();
        });
      });
      const [socket] = await io.fetchSockets();
      await new Promise<void>((done) => {
        socket?.timeout(15_000).emit("single", (error: unknown, answer: string) => {
          seen.push(`${String(error)} ${answer} ${where(pw)}`);
          done();
        });
      });
    });
    expect(seen).toEqual(["who,who acme", "by callback,by callback acme", "null single acme"]);
    // Answers of several tenants do not lead into the scope of the last.
    const [any] = [...io.sockets.sockets.values()];
    const kinds = await pw.system({ reason: "a poll" }, async () => [
      await new Promise((done) => {
        io.timeout(15_000).emit("all", () => done(pw.scope()?.kind));
      }),
      await new Promise((done) => any?.emit("one", () => done(pw.scope()?.kind))),
    ]);
    expect(kinds).toEqual(["system", "system"]);
  });

  it("namespaces of all kinds are kept apart too, those that are made for a client and those wired before", async () => {
    const host = await live({}, {}, (io) => void io.of("/early"));
    const { io, pw, join } = host;
    const dynamic = io.of(/^\/room-\d+$/);
    io.of((name, _auth, next) => next(null, name === "/by-function"));
    // Nothing that listens may be needed for a namespace to be wired.
    io.sockets.removeAllListeners();
    io.of("/late");
    for (const name of ["/early", "/late", "/room-1", "/by-function"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const [acme, globex] = [
        await join("acme", "ada", {}, name),
        await join("globex", "ada", {}, name),
      ];
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await pw.run("t-acme", () => {
        io.of(name).emit("to", name);
        io.of(name).in("x").emit("never");
        if (name === "/room-1") dynamic.emit("through the parent");
      });
      const expected = name === "/room-1" ? [`to ${name}`, "through the parent"] : [`to ${name}`];
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect.poll(() => acme?.got).toEqual(expected);
      expect(globex?.got).toEqual([]);
      expect(codeOf(() => io.of(name).emit("x"))).toBe("PW_NO_SCOPE");
    }
  });

  it("an adapter that is set later is confined as well, and what it does beside is for system scopes", async () => {
    class Own extends Adapter {
      everyRoom() {
        return [...this.rooms.keys()];
      }
    }
    const { io, pw, join } = await live();
    io.adapter(Own as never);
    const [acme, globex] = [await join("acme"), await join("globex")];
    expect(codeOf(() => io.emit("x"))).toBe("PW_NO_SCOPE");
    await pw.run("t-acme", () => io.emit("x"));
    await expect.poll(() => acme?.got).toEqual(["x"]);
    const everyRoom = () => (io.of("/").adapter as unknown as Own).everyRoom();
    expect(await pw.run("t-acme", () => codeOf(everyRoom))).toBe("PW_STATEMENT_REFUSED");
    expect(await pw.system({ reason: "a count" }, everyRoom)).toContain("T:t-globex");
    await sleep(20);
    expect(globex?.got).toEqual([]);
  });
});
