import pg from "pg";
import { type MikroORM, type Options } from "@mikro-orm/postgresql";
import { guardMikroOrm } from "partywall/adapters/mikro-orm";
import { World, type Side } from "../../../src/testing/conformance/world.js";
import { engineUrl } from "../../support/engine.js";
import { mikroOrm } from "./orm.js";

/** Two tenants with rows under the same ids, an ORM over their guard, and unguarded eyes. */
export type Site = Awaited<ReturnType<typeof buildSite>>;

/** Builds a site; each tenant has a schema of its own, so that ids are the same in both. Call `close` in `afterAll`. */
export async function buildSite() {
  const world = new World(pg, engineUrl("postgres"));
  await world.build();
  const { guard, pw } = world.instance();
  const [ada, bob] = await world.fresh({ guard, pw }, "schema");
  const made: MikroORM[] = [];
  const guarded = (options: Partial<Options> = {}) => {
    const orm = mikroOrm(guardMikroOrm(guard, options));
    made.push(orm);
    return orm;
  };
  return {
    world,
    guard,
    pw,
    ada,
    bob,
    guarded,
    /** Fresh rows. */
    renew: () => world.fresh({ guard, pw }, "schema"),
    as: <T>({ tenant }: Side, fn: () => T) => pw.run(tenant.id, fn),
    close: async () => {
      for (const orm of made) await orm.close();
      await world.close();
    },
  };
}
