import { describe, expect, it } from "vitest";
import { twoTenants } from "./instance.js";

const ada = Object.freeze({ user: "ada", role: "owner" });

describe("who is acting", () => {
  it("is who the scope was opened for, and nobody outside it", async () => {
    const pw = await twoTenants();
    const seen = await pw.run("acme", async () => (await Promise.resolve(), pw.principal()), {
      principal: ada,
    });
    expect(seen).toBe(ada);
    expect(pw.principal()).toBeUndefined();
    expect(await pw.run("acme", () => pw.principal())).toBeUndefined();
  });

  it("is inherited by scopes opened inside, unless they name another", async () => {
    const pw = await twoTenants();
    const job = { job: "report" };
    const seen = await pw.run(
      "acme",
      async () => [
        await pw.run("acme", () => pw.principal()),
        await pw.run("acme", () => pw.principal(), { principal: job }),
        pw.principal(),
      ],
      { principal: ada },
    );
    expect(seen).toEqual([ada, job, ada]);
  });

  it("is inherited when the tenant's record was read anew in between", async () => {
    const pw = await twoTenants({ cache: false });
    const seen = await pw.run("acme", () => pw.run("acme", () => pw.principal()), {
      principal: ada,
    });
    expect(seen).toBe(ada);
  });

  it("never crosses into the scope of another request that runs at the same time", async () => {
    const pw = await twoTenants();
    const users = Array.from({ length: 50 }, (_, at) => `user ${at}`);
    const seen = await Promise.all(
      users.map((principal, at) =>
        pw.run(
          at % 2 === 0 ? "acme" : "globex",
          async () => {
            await new Promise((soon) => setTimeout(soon, at % 7));
            return pw.principal();
          },
          { principal },
        ),
      ),
    );
    expect(seen).toEqual(users);
  });

  it("is carried by bind() and not by a snapshot, which names a tenant and nobody else", async () => {
    const pw = await twoTenants();
    const [bound, snapshot] = await pw.run(
      "acme",
      () => [pw.bind(() => pw.principal()), pw.snapshot()] as const,
      { principal: ada },
    );
    expect(bound()).toBe(ada);
    expect(await pw.resume(snapshot, () => pw.principal())).toBeUndefined();
  });
});
