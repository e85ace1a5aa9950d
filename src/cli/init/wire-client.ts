import { UsageError } from "../usage-error.js";
import type { ClientKind, ClientNode } from "./clients.js";
import { lineFor, ormByHand } from "./limits.js";
import { TITLES, type Orm } from "./names.js";
import { wireDrizzle } from "./wire-drizzle.js";
import { wireKnex } from "./wire-knex.js";
import { wireKysely } from "./wire-kysely.js";
import { wireMikroOrm } from "./wire-mikro-orm.js";
import { wirePool } from "./wire-pool.js";
import { wirePrisma } from "./wire-prisma.js";
import { wireSequelize } from "./wire-sequelize.js";
import { wireTypeorm } from "./wire-typeorm.js";
import type { Workbench } from "./workbench.js";

const WIRINGS: Readonly<
  Partial<Record<ClientKind, (bench: Workbench, client: ClientNode) => unknown>>
> = {
  drizzle: wireDrizzle,
  kysely: wireKysely,
  knex: wireKnex,
  typeorm: wireTypeorm,
  sequelize: wireSequelize,
  "mikro-orm": wireMikroOrm,
  prisma: wirePrisma,
  "pg.Pool": wirePool,
};

/**
 * Gives the ORM's client the guarded pool; where there is none, or there are several and `named` is not the file of one,
 * it is left to a person. Throws {@link UsageError} where `named` is a file without such a client.
 */
export function wireClient(
  bench: Workbench,
  what: { readonly orm: Orm; readonly named: string | undefined },
): void {
  const { orm, named } = what;
  // Objection is given an instance of Knex.
  const kind = orm === "none" ? "pg.Pool" : orm === "objection" ? "knex" : orm;
  const title = orm === "none" ? "pool of pg" : `${TITLES[kind === "knex" ? kind : orm]} client`;
  const all = bench.clients.filter((client) => client.kind === kind);
  const path = named?.replaceAll("\\", "/").replace(/^\.\//, "");
  const chosen = all.filter((client) =>
    path === undefined ? client.purpose === "application" : client.path === path,
  );
  if (path !== undefined && chosen.length === 0) {
    const places = [...new Set(all.map((client) => client.path))];
    throw new UsageError(
      `--client names ${path}, which constructs no ${title}. ${places.length === 0 ? "No file does." : `${places.join(", ")} would be one.`}`,
    );
  }
  const [client, ...others] = chosen;
  if (client === undefined) {
    bench.manual.push(...ormByHand(orm, `no place was found that constructs a ${title}`));
  } else if (others.length > 0) {
    for (const one of chosen) leaveOneOf(bench, one, { orm, count: chosen.length });
  } else {
    WIRINGS[client.kind]?.(bench, client);
  }
}

function leaveOneOf(
  bench: Workbench,
  client: ClientNode,
  { orm, count }: { readonly orm: Orm; readonly count: number },
): void {
  bench.wired(client);
  bench.leave(
    client.file,
    client.node,
    `one of ${count}, and it is not plain which the application uses. Name its file with --client, or wire them all by hand`,
    lineFor(orm),
  );
}
