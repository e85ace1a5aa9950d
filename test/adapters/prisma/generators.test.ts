import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PrismaPg } from "@prisma/adapter-pg";
import { register } from "tsx/esm/api";
import { guardPrisma } from "partywall/adapters/prisma";
import { afterAll, beforeAll, expect, test } from "vitest";
import { typeFaults } from "../../adopt/formats/type-check.js";
import { buildWorld, type World } from "../../guards/postgres/world.js";
import { describeEngine } from "../../support/engine.js";
import { generatePrisma } from "../../support/prisma-client.js";

const MODELS = `
model Order {
  id   Int     @id
  note String?

  @@map("orders")
}
`;

const APPLICATION = (client: string) => `
import { PrismaPg } from "@prisma/adapter-pg";
import { guardPrisma } from "../../../src/adapters/prisma.js";
import { guardPg } from "../../../src/guards/postgres/index.js";
import pg from "pg";
import { PrismaClient } from "${client}";

const guard = guardPg(pg, { app: "postgres://localhost/shop" });
const db = guardPrisma(guard, new PrismaClient({ adapter: new PrismaPg(guard.pool) }));
export const notes: Promise<{ note: string | null }[]> = db.order.findMany({ select: { note: true } });
// @ts-expect-error the model has no such field
export const wrong = db.order.findMany({ select: { nothing: true } });
export const loud = db.$extends({ result: { order: { loud: { needs: { note: true }, compute: (o) => o.note + "!" } } } });
export const all: Promise<{ loud: string }[]> = loud.order.findMany();
`;

describeEngine("postgres", "clients as Prisma's generators write them, without an engine", () => {
  let world: World;
  let unregister: () => unknown;
  beforeAll(async () => {
    // What is generated may be TypeScript, in a place where Node reads none.
    unregister = register();
    world = await buildWorld();
  });
  afterAll(async () => {
    await unregister();
    await world.close();
  });

  test.each([
    ["prisma-client-js", "index.js", "./client/index.js"],
    ["prisma-client", "client.ts", "./client/client.js"],
  ] as const)(
    "%s",
    async (generator, main, specifier) => {
      const folder = await generatePrisma(MODELS, generator);
      expect((await readdir(join(folder, "client"))).some((name) => name.endsWith(".node"))).toBe(
        false,
      );

      const { PrismaClient } = await import(join(folder, "client", main));
      const db = guardPrisma(world.guard, new PrismaClient({ adapter: new PrismaPg(world.pool) }));
      const read = (slug: string) =>
        world.pw.run({ slug }, async () => (await db.order.findUnique({ where: { id: 2 } })).note);
      expect(await Promise.all(["a", "b", "a"].map(read))).toEqual(["a2", "b2", "a2"]);
      await db.$disconnect();

      await writeFile(join(folder, "application.ts"), APPLICATION(specifier));
      expect(await typeFaults(folder, ["application.ts"])).toEqual([]);
    },
    120_000,
  );
});
