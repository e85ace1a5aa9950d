import { on, once } from "node:events";
import { TenantEventEmitter } from "partywall/runtime/events";
import { describe, expect, it } from "vitest";
import { codeOf, here, rejectionOf, twoTenants } from "../../scope/instance.js";

describe("events", () => {
  async function site(options?: { captureRejections: boolean }) {
    const pw = await twoTenants();
    const events = new TenantEventEmitter(pw, options);
    const heard: string[] = [];
    const hear = (who: string) => (what: unknown) =>
      void heard.push(`${who} heard ${String(what)} in ${here(pw) ?? pw.scope()?.kind}`);
    return { pw, events, heard, hear };
  }

  it("of one tenant are not heard by a listener of another, and run in the scope that emits", async () => {
    const { pw, events, heard, hear } = await site();
    events.on("paid", hear("start"));
    await pw.run("acme", () => events.on("paid", hear("acme")));
    await pw.run("globex", () => events.prependListener("paid", hear("globex")));
    await pw.central(() => events.addListener("paid", hear("central")));
    await pw.system({ reason: "test" }, () => events.on("paid", hear("system")));
    expect(await pw.run("acme", () => events.emit("paid", 1))).toBe(true);
    await pw.run("globex", () => events.emit("paid", 2));
    await pw.central(() => events.emit("paid", 3));
    await pw.system({ reason: "test" }, () => events.emit("paid", 4));
    expect(heard).toEqual([
      "start heard 1 in acme",
      "acme heard 1 in acme",
      "system heard 1 in acme",
      "globex heard 2 in globex",
      "start heard 2 in globex",
      "system heard 2 in globex",
      "start heard 3 in central",
      "central heard 3 in central",
      "system heard 3 in central",
      "start heard 4 in system",
      "system heard 4 in system",
    ]);
  });

  it("are not emitted outside every scope", async () => {
    const { events, heard, hear } = await site();
    events.on("paid", hear("start"));
    expect(await codeOf(() => events.emit("paid", 1))).toBe("PW_NO_SCOPE");
    expect(heard).toEqual([]);
  });

  it("that are heard once wait for one of their own tenant", async () => {
    const { pw, events, heard, hear } = await site();
    await pw.run("acme", () =>
      events.once("paid", hear("first")).prependOnceListener("paid", hear("0")),
    );
    expect(await pw.run("globex", () => events.emit("paid", 1))).toBe(false);
    await pw.run("acme", () => events.emit("paid", 2));
    expect(await pw.run("acme", () => events.emit("paid", 3))).toBe(false);
    expect(heard).toEqual(["0 heard 2 in acme", "first heard 2 in acme"]);
  });

  it("reach events.once and events.on of their own tenant alone", async () => {
    const { pw, events } = await site();
    const [first, all] = await pw.run("acme", () => {
      const seen = (async () => {
        const values: unknown[] = [];
        for await (const [value] of on(events, "paid")) {
          values.push(`${value} in ${here(pw)}`);
          if (values.length === 2) break;
        }
        return values;
      })();
      return [{ of: once(events, "paid") }, { of: seen }] as const;
    });
    for (const [of, value] of [
      ["globex", 1],
      ["acme", 2],
      ["globex", 3],
      ["acme", 4],
    ] as const)
      await pw.run(of, () => events.emit("paid", value));
    expect([await first.of, await all.of]).toEqual([[2], ["2 in acme", "4 in acme"]]);
    expect(events.listenerCount("paid")).toBe(0);
  });

  it("let no tenant see or remove the listeners of another", async () => {
    const { pw, events, heard, hear } = await site();
    const shared = hear("shared");
    events.on("paid", shared);
    await pw.run("acme", () => events.on("paid", shared));
    await pw.run("globex", () => {
      expect([events.eventNames(), events.listeners("paid"), events.rawListeners("paid")]).toEqual([
        [],
        [],
        [],
      ]);
      expect([events.listenerCount("paid"), events.listenerCount("paid", shared)]).toEqual([0, 0]);
      events
        .off("paid", shared)
        .removeListener("paid", shared)
        .removeAllListeners("paid")
        .removeAllListeners();
    });
    await pw.run("acme", () => events.emit("paid", 1));
    expect(heard).toHaveLength(2);
    await pw.run("acme", () => {
      expect(events.listeners("paid")).toEqual([shared]);
      events.off("paid", shared);
    });
    await pw.run("acme", () => events.emit("paid", 2));
    expect(heard).toHaveLength(3);
    expect(events.removeAllListeners().eventNames()).toEqual([]);
  });

  it("called error are thrown where nobody hears them, also when another tenant would", async () => {
    const { pw, events, heard, hear } = await site();
    await pw.run("acme", () => events.on("error", hear("acme")));
    const fault = new Error("a fault");
    expect(await rejectionOf(() => pw.run("globex", () => events.emit("error", fault)))).toBe(
      fault,
    );
    await pw.run("acme", () => events.emit("error", fault));
    expect(heard).toEqual(["acme heard Error: a fault in acme"]);
  });

  it("whose listeners reject tell it to their own tenant", async () => {
    const { pw, events, heard, hear } = await site({ captureRejections: true });
    events.on("paid", async () => {
      await Promise.resolve();
      throw new Error("a fault");
    });
    for (const of of ["acme", "globex"]) await pw.run(of, () => events.on("error", hear(of)));
    await pw.run("globex", () => events.emit("paid", 1));
    await expect.poll(() => heard).toEqual(["globex heard Error: a fault in globex"]);
  });

  it("about the emitter itself are told without a scope, and a tenant's own to itself", async () => {
    const { pw, events } = await site();
    const told: string[] = [];
    await pw.run("acme", () => events.on("newListener", (name: string) => void told.push(name)));
    events.on("a", () => undefined);
    await pw.run("globex", () => events.on("b", () => undefined));
    await pw.run("acme", () => events.on("c", () => undefined));
    expect(told).toEqual(["c"]);
  });
});
