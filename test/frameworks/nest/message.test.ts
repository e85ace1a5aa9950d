import { setTimeout as sleep } from "node:timers/promises";
import { Controller, Get } from "@nestjs/common";
import { MessagePattern, Transport } from "@nestjs/microservices";
import { createPartywall } from "partywall";
import { TenancyModule, tenantClient } from "partywall/frameworks/nest";
import { firstValueFrom, lastValueFrom, map, toArray } from "rxjs";
import { describe, expect, it, onTestFinished } from "vitest";
import { where } from "../instance.js";
import { create, listen } from "./application.js";
import { answer, clientOf, secret, service, tcpOf, twoTenants } from "./service.js";

describe("nest: messages of microservices", () => {
  it("carry the tenant that they were sent from, and what was sent as it was", async () => {
    const pw = await twoTenants();
    const { plain, seen } = await service(pw);
    const client = tenantClient(pw, plain);
    const tenants = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? "acme" : "globex"));
    const answers = await Promise.all(
      tenants.map((slug, n) =>
        pw.run(`t-${slug}`, () => firstValueFrom(client.send("where", { n }))),
      ),
    );
    expect(answers).toEqual(tenants.map((slug, n) => ({ data: { n }, slug, where: slug })));
    expect(seen).toHaveLength(20);
    const many = await pw.run("t-globex", () =>
      lastValueFrom(client.send({ zone: "b", cmd: "many", area: 1 }, "").pipe(toArray())),
    );
    expect(many).toEqual(["1 globex", "2 globex", "3 globex"]);
    for (const pattern of ["one", "other"])
      expect(
        // oxlint-disable-next-line no-await-in-loop -- each by itself
        await pw.run("t-acme", () => firstValueFrom(client.send(pattern, ""))),
      ).toBe("acme");
    await pw.run("t-acme", () => void client.emit("happened", "an event"));
    await expect.poll(() => seen).toContain("an event acme");
  });

  it("are answered in the scope of the sender, whoever opened the connection", async () => {
    const pw = await twoTenants();
    const { plain } = await service(pw);
    const client = tenantClient(pw, plain);
    const heard = (id: string) =>
      pw.run(id, () => firstValueFrom(client.send("where", 1).pipe(map(() => where(pw)))));
    expect(await heard("t-acme")).toBe("acme");
    expect(await heard("t-globex")).toBe("globex");
    // Acme's message opened the connection, which is nobody's.
    const outside = plain.send("central", "").pipe(map(() => where(pw)));
    expect(await firstValueFrom(outside)).toBe("PW_NO_SCOPE");
  });

  it("cannot be sent outside every scope", async () => {
    const pw = await twoTenants();
    const { plain } = await service(pw);
    const client = tenantClient(pw, plain);
    expect(() => client.send("where", 1)).toThrow(expect.objectContaining({ code: "PW_NO_SCOPE" }));
    expect(() => client.emit("happened", 1)).toThrow(
      expect.objectContaining({ code: "PW_NO_SCOPE" }),
    );
  });

  it("are refused without a tenant, with a bare id, and with what was signed elsewhere", async () => {
    const pw = await twoTenants();
    const { plain, seen, refused } = await service(pw);
    const stranger = createPartywall({ realm: "strangers", secret: secret.toUpperCase() });
    onTestFinished(() => stranger.close());
    await stranger.tenants.create({ id: "t-acme", slug: "acme", name: "acme" });
    const foreign = await stranger.run("t-acme", () =>
      stranger.snapshot({ audience: "nest:where" }),
    );
    const other = await pw.run("t-acme", () => pw.snapshot({ audience: "nest:happened" }));
    const central = await pw.central(() => pw.snapshot({ audience: "nest:where" }));
    const old = await pw.run("t-acme", () =>
      pw.snapshot({ audience: "nest:where", expiresInMs: 1 }),
    );
    await sleep(5);
    const codes: unknown[] = [];
    for (const message of [
      "hello",
      { tenant: "t-acme" },
      { partywall: "t-acme", data: 1 },
      { partywall: foreign, data: 1 },
      { partywall: other, data: 1 },
      { partywall: central, data: 1 },
      { partywall: old, data: 1 },
    ])
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      codes.push(((await answer(plain.send("where", message))) as { code?: string }).code);
    expect(codes).toEqual([
      "PW_TENANT_UNRESOLVED",
      "PW_TENANT_UNRESOLVED",
      "PW_SNAPSHOT_INVALID",
      "PW_SNAPSHOT_INVALID",
      "PW_SNAPSHOT_INVALID",
      "PW_TENANT_UNRESOLVED",
      "PW_SNAPSHOT_EXPIRED",
    ]);
    expect(refused).toEqual(codes);
    plain.emit("happened", { partywall: foreign, data: "forged" });
    await expect.poll(() => refused).toHaveLength(8);
    expect(seen).toEqual([]);
  });

  it("are refused when the tenant was suspended since", async () => {
    const pw = await twoTenants();
    const { plain, seen } = await service(pw);
    const sent = await pw.run("t-acme", () => ({
      partywall: pw.snapshot({ audience: "nest:where" }),
      data: 1,
    }));
    expect(await answer(plain.send("where", sent))).toMatchObject({ where: "acme" });
    await pw.tenants.suspend("t-acme");
    expect(await answer(plain.send("where", sent))).toMatchObject({ code: "PW_TENANT_SUSPENDED" });
    expect(seen).toEqual(["acme"]);
  });

  it("run without a tenant where the handler says so", async () => {
    const pw = await twoTenants();
    const { plain } = await service(pw);
    const client = tenantClient(pw, plain);
    const from = (pattern: string) =>
      pw.run("t-acme", () => firstValueFrom(client.send(pattern, "")));
    expect([await from("central"), await from("universal")]).toEqual(["PW_CENTRAL_SCOPE", "acme"]);
    expect(await answer(plain.send("central", ""))).toBe("PW_CENTRAL_SCOPE");
    expect(await answer(plain.send("universal", ""))).toBe("PW_CENTRAL_SCOPE");
  });

  it.each([true, false])(
    "in a hybrid application that inherits its config: %s",
    async (inherit) => {
      const pw = await twoTenants();
      @Controller()
      class Both {
        @MessagePattern("where")
        where() {
          return where(pw);
        }
        @Get()
        show() {
          return "shown";
        }
      }
      const app = await create({ imports: [TenancyModule.forRoot({ pw })], controllers: [Both] });
      const tcp = app.connectMicroservice(
        { transport: Transport.TCP, options: { host: "127.0.0.1", port: 0 } },
        { inheritAppConfig: inherit },
      );
      onTestFinished(() => app.close());
      await app.startAllMicroservices();
      const client = tenantClient(pw, clientOf(tcpOf(tcp)));
      const told = await pw.run("t-acme", () => firstValueFrom(client.send("where", "")));
      // What the module does not reach has no scope, rather than anybody's.
      expect(told).toBe(inherit ? "acme" : "PW_NO_SCOPE");
    },
  );

  it("need no resolve, but requests do", async () => {
    const pw = await twoTenants();
    @Controller()
    class Show {
      @Get()
      show() {
        return "shown";
      }
    }
    const app = await create({ imports: [TenancyModule.forRoot({ pw })], controllers: [Show] });
    onTestFinished(() => app.close());
    const answered = await fetch(`http://127.0.0.1:${await listen(app)}/`);
    expect(answered.status).toBe(500);
  });
});
