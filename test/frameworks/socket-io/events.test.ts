import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Socket } from "socket.io";
import { describe, expect, it } from "vitest";
import { where } from "../instance.js";
import { codeOf, live } from "./host.js";

describe("socket.io: events", () => {
  it("never mixes two tenants under load, over both transports and with compression", async () => {
    const { pw, io, join } = await live({}, { perMessageDeflate: { threshold: 0 } });
    io.on("connection", (socket) => {
      socket.on("work", (at: number, done: (answer: string) => void) => {
        const seen = [where(pw)];
        const work = async () => {
          await sleep(Math.random() * 3);
          seen.push(where(pw));
          const answer = (await socket.emitWithAck("ask")) as string;
          seen.push(where(pw), answer);
          io.to("everybody").emit("progress", where(pw), at);
          done(seen.join(" "));
        };
        void work();
      });
      void socket.join("everybody");
    });
    const clients = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        join(at % 2 === 0 ? "acme" : "globex", at % 3 === 0 ? "bob" : "ada", {
          transports: [at % 5 === 0 ? "polling" : "websocket"],
        }),
      ),
    );
    const answers = await Promise.all(
      clients.map(({ socket }) =>
        Promise.all(
          Array.from({ length: 15 }, (_, at) => socket.emitWithAck("work", at) as Promise<string>),
        ),
      ),
    );
    clients.forEach(({ got }, at) => {
      const own = at % 2 === 0 ? "acme" : "globex";
      expect(new Set(answers[at])).toEqual(new Set([`${own} ${own} ${own} ask`]));
      for (const line of got) expect(line).toMatch(new RegExp(`^(ask|progress ${own} \\d+)$`));
    });
  });

  it("catch-all listeners, middleware and handlers hear none once the membership has gone", async () => {
    const { io, join, members } = await live();
    const heard: string[] = [];
    io.on("connection", (socket) => {
      socket.onAny((event) => heard.push(`any ${event}`));
      socket.use(([event], next) => {
        heard.push(`use ${event}`);
        next();
      });
      socket.on("first", () => heard.push("on first"));
      socket.on("second", () => heard.push("on second"));
    });
    const { socket } = await join("acme");
    socket.emit("first");
    await expect.poll(() => heard).toEqual(["any first", "use first", "on first"]);
    members.delete("ada@acme");
    socket.emit("second");
    await once(socket as never, "disconnect");
    expect(heard).toHaveLength(3);
  });

  it("and none once the tenant is suspended, even where a decision still stands; answers neither", async () => {
    const { pw, io, join } = await live({ recheckMs: 60_000, sweepMs: false });
    const heard: string[] = [];
    let server: Socket | undefined;
    io.on("connection", (socket) => {
      server = socket;
      socket.onAny((event) => heard.push(String(event)));
    });
    const { socket } = await join("acme");
    socket.emit("first");
    await expect.poll(() => heard).toEqual(["first"]);
    const asked = once(socket as never, "hold");
    await pw.run("t-acme", () => server?.emit("hold", () => heard.push("answered")));
    const [answer] = (await asked) as [() => void];
    await pw.tenants.suspend("t-acme");
    // The client's own catch-all has answered the first; nothing that comes now is heard.
    answer();
    socket.emit("second");
    await once(socket as never, "disconnect");
    expect(heard.filter((line) => line === "second")).toEqual([]);
  });

  it("and no broadcast: who only listens is disconnected when the tenant is suspended", async () => {
    const { pw, join } = await live({ sweepMs: false });
    const [acme, globex] = [await join("acme"), await join("globex")];
    const gone = once(globex.socket as never, "disconnect");
    await pw.tenants.suspend("t-globex");
    await gone;
    expect(acme.socket.connected).toBe(true);
  });

  it("keep their order, and what was sent before leaving is heard", async () => {
    let asked = 0;
    const { io, join } = await live({
      authorize: () => sleep((asked += 1) % 3 === 0 ? 5 : 0, true),
    });
    const heard: string[] = [];
    io.on("connection", (socket) => {
      socket.on("n", (at: number) => heard.push(String(at)));
      socket.on("disconnect", () => heard.push("gone"));
    });
    const { socket } = await join("acme");
    for (let at = 0; at < 20; at += 1) socket.emit("n", at);
    await sleep(15);
    socket.disconnect();
    await expect.poll(() => heard.at(-1)).toBe("gone");
    expect(heard).toEqual([...Array.from({ length: 20 }, (_, at) => String(at)), "gone"]);
  });

  it("disconnecting runs in the tenant's scope, with its rooms still there", async () => {
    const { pw, io, join } = await live();
    const seen: string[] = [];
    io.on("connection", async (socket) => {
      socket.on("disconnecting", () =>
        seen.push(`${where(pw)} ${[...socket.rooms].includes("r")}`),
      );
      socket.on("disconnect", () => seen.push(where(pw)));
      await socket.join("r");
    });
    const { socket } = await join("acme");
    socket.disconnect();
    await expect.poll(() => seen).toEqual(["acme true", "acme"]);
  });

  it("an acknowledgement kept by another tenant's code does not answer", async () => {
    const { pw, io, join } = await live();
    const kept: ((text: string) => void)[] = [];
    io.on("connection", (socket) => socket.on("ask", (answer: () => void) => kept.push(answer)));
    const { socket } = await join("acme");
    const answered: string[] = [];
    socket.emit("ask", (text: string) => answered.push(text));
    await expect.poll(() => kept.length).toBe(1);
    expect(await pw.run("t-globex", () => codeOf(() => kept[0]?.("globex's")))).toBe(
      "PW_SCOPE_SWITCH",
    );
    await pw.run("t-acme", () => kept[0]?.("acme's"));
    await expect.poll(() => answered).toEqual(["acme's"]);
  });

  it("a flood that outruns the decisions cuts its sender off", async () => {
    const slow = new Promise<true>(() => {});
    let asked = 0;
    const { join } = await live({
      authorize: () => ((asked += 1) > 2 ? slow : true),
      sweepMs: false,
    });
    const { socket } = await join("acme");
    for (let at = 0; at < 1100; at += 1) socket.emit("x");
    expect(await once(socket as never, "disconnect")).toContain("io server disconnect");
  });
});

describe("socket.io: eviction", () => {
  it("closes a tenant's, a principal's, or a principal's in a tenant, and nobody else's", async () => {
    const { pw, wall, join } = await live();
    const open = async () => [
      await join("acme", "ada"),
      await join("acme", "bob"),
      await join("globex", "ada"),
    ];
    const connected = (clients: Awaited<ReturnType<typeof open>>) =>
      clients.map(({ socket }) => socket.connected);
    const first = await open();
    await wall.evict({ tenant: "t-acme" });
    await expect.poll(() => connected(first)).toEqual([false, false, true]);
    await wall.evict({ principal: "ada" });
    await expect.poll(() => connected(first)).toEqual([false, false, false]);
    const second = await open();
    await wall.evict({ tenant: "t-acme", principal: "ada" });
    await expect.poll(() => connected(second)).toEqual([false, true, true]);
    await pw.run("t-acme", () => wall.evict({ principal: "ada" }));
    await expect(pw.run("t-acme", () => wall.evict({ tenant: "t-globex" }))).rejects.toMatchObject({
      code: "PW_SCOPE_SWITCH",
    });
    expect(connected(second)).toEqual([false, true, true]);
  });

  it("comes by itself to who only listens", async () => {
    const { pw, members, join } = await live({ sweepMs: 10 });
    const clients = [
      await join("acme", "ada"),
      await join("acme", "bob"),
      await join("globex", "ada"),
    ];
    members.delete("ada@acme");
    await pw.tenants.suspend("t-globex");
    await expect
      .poll(() => clients.map(({ socket }) => socket.connected))
      .toEqual([false, true, false]);
  });

  it("reaches who was being let in while the membership went", async () => {
    let asked = 0;
    const { open } = await live({ sweepMs: false, authorize: () => (asked += 1) === 1 });
    const { socket } = open({ tenant: "acme" });
    await once(socket as never, "connect");
    expect(await once(socket as never, "disconnect")).toContain("io server disconnect");
  });
});

describe("socket.io: recovery", () => {
  const recovering = { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } };

  /** A client that loses its connection, misses a message, and comes back as somebody. */
  async function comingBack(as: { tenant: string; user: string }) {
    const { io, pw, join, open } = await live({}, recovering);
    let recovered: boolean | undefined;
    io.on("connection", async (socket) => {
      recovered = socket.recovered;
      if (!socket.recovered) await socket.join("secrets");
    });
    const { socket, got } = await join("acme", "ada");
    await pw.run("t-acme", () => io.to("secrets").emit("before"));
    await expect.poll(() => got.length).toBe(1);
    // As a client of the wire would have it: the session's name and the last message's.
    const { _pid: pid, _lastOffset: offset } = socket as unknown as {
      _pid: string;
      _lastOffset: string;
    };
    socket.io.engine.close();
    await expect.poll(() => io.sockets.sockets.size).toBe(0);
    await pw.run("t-acme", () => io.to("secrets").emit("missed"));
    const back = open({ ...as, pid, offset });
    await once(back.socket as never, "connect");
    await pw.run("t-acme", () => io.to("secrets").emit("after"));
    await sleep(30);
    return { ...back, recovered };
  }

  it("gives its own what it missed, and its rooms", async () => {
    const back = await comingBack({ tenant: "acme", user: "ada" });
    expect(back.recovered).toBe(true);
    expect(back.got.map((line) => line.split(" ")[0])).toEqual(["missed", "after"]);
  });

  it("gives another tenant's client with the session's name nothing", async () => {
    const back = await comingBack({ tenant: "globex", user: "ada" });
    expect(back.recovered).toBe(false);
    expect(back.got).toEqual([]);
  });

  it("gives another member of the same tenant nothing that was missed", async () => {
    const back = await comingBack({ tenant: "acme", user: "bob" });
    expect(back.recovered).toBe(false);
    expect(back.got.map((line) => line.split(" ")[0])).toEqual(["after"]);
  });

  it("is decided upon like any other, before anything is sent", async () => {
    const { io, pw, join, refused, members } = await live({}, recovering);
    io.on("connection", (socket) => void socket.join("secrets"));
    const { socket, got } = await join("acme", "ada");
    await pw.run("t-acme", () => io.to("secrets").emit("before"));
    await expect.poll(() => got.length).toBe(1);
    const { _pid: pid, _lastOffset: offset } = socket as unknown as {
      _pid: string;
      _lastOffset: string;
    };
    socket.io.engine.close();
    await expect.poll(() => io.sockets.sockets.size).toBe(0);
    members.delete("ada@acme");
    expect(await refused({ tenant: "acme", user: "ada", pid, offset })).toMatchObject({
      data: { code: "PW_TENANT_UNKNOWN" },
    });
  });

  it("single sockets can be sent to in a system scope, kept for recovery", async () => {
    const { io, pw, join } = await live({}, recovering);
    const { got } = await join("acme");
    const [socket] = [...io.sockets.sockets.values()];
    await pw.system({ reason: "a notice" }, () => socket?.emit("notice"));
    await expect.poll(() => got.length).toBe(1);
  });
});
