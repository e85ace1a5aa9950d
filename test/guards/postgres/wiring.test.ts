import { createPartywall, partywallErrorOf, PartywallError } from "partywall";
import { guardPg } from "partywall/guards/postgres";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildWorld, SECRET, type World } from "./world.js";

describeEngine("postgres", "the wiring of a client", () => {
  let world: World;
  let unguarded: pg.Pool;
  beforeAll(async () => {
    world = await buildWorld();
    unguarded = new pg.Pool({ connectionString: world.appUrl });
    unguarded.on("error", () => undefined);
  });
  afterAll(async () => {
    await unguarded.end();
    await world.close();
  });

  test("is proved in no scope, in a tenant's, in central and in a system scope", async () => {
    const { guard, pw } = world;
    const prove = () => guard.assertWired((text) => guard.pool.query(text));
    await expect(prove()).resolves.toBeUndefined();
    await pw.run(world.a.id, prove);
    await pw.central(prove);
    await pw.system({ reason: "wiring" }, prove);
    await guard.assertWired((text) => guard.pool.query(`${text};`));
    const own = new guard.driver.Pool({ connectionString: world.appUrl });
    // Its connections may outlast end(), and die with the database.
    own.on("error", () => undefined);
    await guard.assertWired((text) => own.query(text));
    await own.end();
  });

  test("is refused for another pool, for one that never sends, and for one that fails by itself", async () => {
    const { guard } = world;
    const code = "PW_GUARD_BYPASSED";
    await expect(guard.assertWired((text) => unguarded.query(text))).rejects.toMatchObject({
      code,
    });
    await expect(guard.assertWired(async () => undefined)).rejects.toMatchObject({ code });
    const broken = new Error("no server");
    await expect(guard.assertWired(() => Promise.reject(broken))).rejects.toMatchObject({
      code,
      cause: broken,
    });
  });

  test("lets out nothing else than the proof outside a scope", async () => {
    const { guard } = world;
    let kept = "";
    await guard.assertWired(async (text) => {
      kept = text;
      await expect(
        guard.pool.query(`${text}, (select count(*) from orders)`),
      ).rejects.toMatchObject({
        code: "PW_NO_SCOPE",
      });
      await expect(guard.pool.query(`${text}; select * from orders`)).rejects.toMatchObject({
        code: "PW_NO_SCOPE",
      });
      await guard.pool.query(text);
    });
    await expect(guard.pool.query(kept)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
  });

  test("hands on an error of a statement that passed", async () => {
    const { guard } = world;
    await expect(
      guard.assertWired(async (text) => {
        await guard.pool.query(text);
        throw new Error("later");
      }),
    ).rejects.toThrow("later");
  });

  test("a partition differs between any two scopes that see other rows", async () => {
    const { guard, pw } = world;
    const read = () => Promise.resolve(guard.partition());
    const names = [
      await pw.run(world.a.id, read),
      await pw.run(world.b.id, read),
      await pw.central(read),
      await pw.system({ reason: "wiring" }, read),
    ];
    expect(new Set(names).size).toBe(4);
    // Of another instance on the same database too, whose tenants may have the same ids.
    const other = createPartywall({
      realm: `${world.database.name}.other`,
      secret: SECRET,
      postgres: guardPg(pg, { app: world.appUrl, system: world.systemUrl }),
    });
    await other.tenants.create({ id: world.a.id, slug: "same", name: "Same" });
    names.push(await other.run(world.a.id, async () => other.postgres.partition()));
    expect(new Set(names).size).toBe(5);
    await other.close();
    expect(await pw.run(world.a.id, read)).toBe(names[0]);
    expect(() => guard.partition()).toThrow(expect.objectContaining({ code: "PW_NO_SCOPE" }));
  });
});

test("a Partywall error is found in whatever wrapped it", () => {
  const told = new PartywallError("PW_WRITE_MISMATCH", "refused");
  expect(partywallErrorOf(told)).toBe(told);
  for (const name of ["cause", "driverError", "original", "parent", "previous", "nativeError"]) {
    const wrapped = Object.assign(new Error("wrapped"), { [name]: told });
    expect(partywallErrorOf(new Error("twice", { cause: wrapped }))).toBe(told);
  }
  const circle = new Error("circle");
  circle.cause = circle;
  for (const none of [circle, new Error("other"), undefined, null, "text", { cause: told }]) {
    expect(partywallErrorOf(none)).toBeUndefined();
  }
});
