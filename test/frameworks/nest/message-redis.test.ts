import { Transport, type RedisOptions } from "@nestjs/microservices";
import { tenantClient } from "partywall/frameworks/nest";
import { firstValueFrom, lastValueFrom, map, toArray } from "rxjs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { startRedis, type Redis } from "../../support/redis.js";
import { where } from "../instance.js";
import { answer, service, twoTenants } from "./service.js";

describeEngine("redis", "nest: messages over Redis", () => {
  let redis: Redis;
  const over = (): RedisOptions => ({
    transport: Transport.REDIS,
    options: { host: "127.0.0.1", port: redis.port },
  });
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  it("carry the tenant that they were sent from, and are answered in it", async () => {
    const pw = await twoTenants();
    const { plain, seen } = await service(pw, over());
    const client = tenantClient(pw, plain);
    const tenants = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? "acme" : "globex"));
    const answers = await Promise.all(
      tenants.map((slug, n) =>
        pw.run(`t-${slug}`, () =>
          firstValueFrom(
            client.send<object>("where", n).pipe(map((told) => ({ ...told, heard: where(pw) }))),
          ),
        ),
      ),
    );
    expect(answers).toEqual(
      tenants.map((slug, data) => ({ data, slug, where: slug, heard: slug })),
    );
    expect(seen).toHaveLength(20);
    const many = await pw.run("t-globex", () =>
      lastValueFrom(client.send({ zone: "b", cmd: "many", area: 1 }, "").pipe(toArray())),
    );
    expect(many).toEqual(["1 globex", "2 globex", "3 globex"]);
    // The connection that Acme's message opened is nobody's.
    expect(await firstValueFrom(plain.send<string>("central", "").pipe(map(() => where(pw))))).toBe(
      "PW_NO_SCOPE",
    );
  });

  it("bring events to every subscriber, each in its tenant", async () => {
    const pw = await twoTenants();
    const [one, other] = [await service(pw, over()), await service(pw, over())];
    const client = tenantClient(pw, one.plain);
    await pw.run("t-acme", () => void client.emit("happened", "ours"));
    await pw.run("t-globex", () => void client.emit("happened", "theirs"));
    for (const { seen } of [one, other])
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      await expect.poll(() => seen.toSorted()).toEqual(["ours acme", "theirs globex"]);
  });

  it("are refused when published by whoever can reach Redis and has no secret", async () => {
    const pw = await twoTenants();
    const { plain, seen, refused } = await service(pw, over());
    const stolen = await pw.run("t-acme", () => pw.snapshot({ audience: "nest:where" }));
    const forged = [
      "hello",
      { tenant: "t-acme" },
      { partywall: "t-acme", data: "forged" },
      // Signed for another pattern.
      { partywall: stolen, data: "moved" },
    ];
    for (const data of forged)
      // oxlint-disable-next-line no-await-in-loop -- in this order
      await redis.command("publish", "happened", JSON.stringify({ pattern: "happened", data }));
    await expect.poll(() => refused).toHaveLength(forged.length);
    expect(refused).toEqual([
      "PW_TENANT_UNRESOLVED",
      "PW_TENANT_UNRESOLVED",
      "PW_SNAPSHOT_INVALID",
      "PW_SNAPSHOT_INVALID",
    ]);
    await pw.tenants.suspend("t-acme");
    expect(await answer(plain.send("where", { partywall: stolen, data: 1 }))).toMatchObject({
      code: "PW_TENANT_SUSPENDED",
    });
    expect(seen).toEqual([]);
  });
});
