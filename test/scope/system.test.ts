import type { AuditEvent, Guard, GuardHost, Partywall } from "partywall";
import { afterEach, describe, expect, it, vi } from "vitest";
import { codeOf, rejectionOf, twoTenants } from "./instance.js";

let pw: Partywall;
afterEach(() => pw.close());

describe("system", () => {
  it.each([
    undefined,
    {},
    { reason: "" },
    { reason: " \n" },
    { reason: 7 },
    { reason: "x", actor: 7 },
  ])("does not run for %j", async (options) => {
    pw = await twoTenants();
    const fn = vi.fn<() => void>();
    expect(await codeOf(() => pw.system(options as never, fn))).toBe("PW_SYSTEM_REASON");
    expect(fn).not.toHaveBeenCalled();
  });

  it("is recorded before and after, to the sink and to every listener", async () => {
    const sink: AuditEvent[] = [];
    const heard: AuditEvent[] = [];
    pw = await twoTenants({ audit: (event) => void sink.push(event) });
    pw.on("audit", (event) => void heard.push(event));
    const before = await pw.system(
      { reason: "monthly invoices", actor: "job:7" },
      () => sink.length,
    );
    expect(before).toBe(1);
    await rejectionOf(() =>
      pw.system({ reason: "fails" }, () => Promise.reject(new Error("boom"))),
    );
    expect(sink).toMatchObject([
      { type: "system", outcome: "started", reason: "monthly invoices", actor: "job:7" },
      { type: "system", outcome: "finished", reason: "monthly invoices", actor: "job:7" },
      { type: "system", outcome: "started", reason: "fails" },
      { type: "system", outcome: "failed", reason: "fails" },
    ]);
    const ids = sink.map((event) => event.type === "system" && event.id);
    expect([ids[0] === ids[1], ids[2] === ids[3], ids[0] === ids[2]]).toEqual([true, true, false]);
    expect(heard).toEqual(sink);
  });

  it.each(["the sink", "a listener"])("does not run when %s fails", async (which) => {
    const fail = (): Promise<void> => Promise.reject(new Error("disk full"));
    pw = await twoTenants(which === "the sink" ? { audit: fail } : {});
    if (which === "a listener") pw.on("audit", fail);
    const fn = vi.fn<() => void>();
    expect(await codeOf(() => pw.system({ reason: "test" }, fn))).toBe("PW_AUDIT_FAILED");
    expect(fn).not.toHaveBeenCalled();
  });

  it("rejects when its end cannot be recorded", async () => {
    pw = await twoTenants({
      audit: (event) => {
        if (event.type === "system" && event.outcome !== "started") throw new Error("disk full");
      },
    });
    expect(await codeOf(() => pw.system({ reason: "test" }, () => "done"))).toBe(
      "PW_SCOPE_LIFECYCLE",
    );
    const own = new Error("own");
    expect(await rejectionOf(() => pw.system({ reason: "test" }, () => Promise.reject(own)))).toBe(
      own,
    );
    expect(own).toHaveProperty("scopeLifecycle.code", "PW_SCOPE_LIFECYCLE");
  });
});

describe("guards", () => {
  const guardOf = (attach: (host: GuardHost) => void): Guard => ({
    wire: "test",
    attach,
    admit: async () => {},
    expel: async () => {},
    ready: async () => {},
    close: async () => {},
  });

  it("see the scope current where they ask, and keys that differ by purpose, subject and secret", async () => {
    let host!: GuardHost;
    const secrets = [
      "a newer secret of the tests, 32 or more",
      "an older secret of the tests, 32 or more",
    ];
    pw = await twoTenants({
      secret: secrets,
      realm: "keys",
      postgres: guardOf((given) => (host = given)),
    });
    expect(host.scope()).toBeUndefined();
    await pw.run("acme", () =>
      expect(host.scope()).toMatchObject({ kind: "tenant", tenant: { id: "acme" } }),
    );
    const keys = [
      host.derive("seal", "acme"),
      host.derive("seal", "globex"),
      host.derive("other", "acme"),
    ].flat();
    expect(keys.map((key) => key.length)).toEqual(Array.from({ length: 6 }, () => 32));
    expect(new Set(keys.map(String)).size).toBe(6);
    expect(host.derive("se", "alacme")).not.toEqual(host.derive("seal", "acme"));
    expect(host.derive("seal", "é".repeat(2000))).toHaveLength(2);
    const older = await twoTenants({
      secret: secrets[1],
      realm: "keys",
      postgres: guardOf((given) => (host = given)),
    });
    expect(host.derive("seal", "acme")[0]?.toString()).toBe(keys[1]?.toString());
    await older.close();
    const elsewhere = await twoTenants({
      secret: secrets,
      realm: "keys-elsewhere",
      postgres: guardOf((given) => (host = given)),
    });
    expect(host.derive("seal", "acme")[0]?.toString()).not.toBe(keys[0]?.toString());
    await elsewhere.close();
  });

  it("have their denials recorded, and a broken sink neither throws nor crashes", async () => {
    let host!: GuardHost;
    const events: AuditEvent[] = [];
    const warned = vi.spyOn(process, "emitWarning").mockReturnValue();
    pw = await twoTenants({
      audit: (event) => void events.push(event),
      postgres: guardOf((given) => (host = given)),
    });
    host.denied({ code: "PW_NO_SCOPE", wire: "postgres" });
    expect(events).toMatchObject([{ type: "denied", code: "PW_NO_SCOPE", wire: "postgres" }]);
    pw.on("audit", () => Promise.reject(new Error("secret detail")));
    host.denied({ code: "PW_NO_SCOPE", wire: "postgres" });
    await expect.poll(() => warned).toHaveBeenCalledOnce();
    expect(JSON.stringify(warned.mock.calls)).not.toContain("secret detail");
    warned.mockRestore();
  });
});
