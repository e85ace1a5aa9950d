import pg from "pg";
import { createPartywall } from "partywall";
import { guardPg, type GuardPgOptions } from "partywall/guards/postgres";
import { startPgBouncer } from "../../support/pgbouncer.js";
import { SECRET, type World } from "./world.js";

/** A pooler before a world, and the guard's instances that connect through it. */
export type PoolerSite = Awaited<ReturnType<typeof poolerSite>>;

/** Starts PgBouncer before the world's server. Call `close` before the world's. */
export async function poolerSite(world: World, settings: Readonly<Record<string, string>> = {}) {
  const pooler = await startPgBouncer(
    world.database.url,
    Object.fromEntries(Object.values(world.roles).map((role) => [role, "secret"])),
    settings,
  );
  const opened: { close(): Promise<void> }[] = [];
  return {
    /** The application's connection string, through the pooler. */
    url: pooler.through(world.appUrl),
    /** Another instance whose application login goes through the pooler. */
    open: async (options: Partial<GuardPgOptions> = {}) => {
      const guard = guardPg(pg, {
        app: { connectionString: pooler.through(world.appUrl), max: 4 },
        system: world.systemUrl,
        startup: false,
        expelGraceMs: 2000,
        ...options,
      });
      const pw = createPartywall({ realm: world.database.name, secret: SECRET, postgres: guard });
      opened.push(pw);
      for (const { id, slug, name } of [world.a, world.b]) {
        await pw.tenants.create({ id, slug, name });
      }
      return { guard, pool: guard.pool, pw };
    },
    close: async () => {
      for (const one of opened) await one.close();
      await pooler.stop();
    },
  };
}
