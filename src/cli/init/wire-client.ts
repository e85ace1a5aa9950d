import { UsageError } from "../usage-error.js";
import type { ClientKind, ClientNode } from "./clients.js";
import type { Detection } from "./detect.js";
import { clientByHand, kindOfClient, lineFor } from "./limits.js";
import { TITLES, type Driver, type Orm } from "./names.js";
import { wireDrizzle } from "./wire-drizzle.js";
import { wireKnex } from "./wire-knex.js";
import { wireKysely } from "./wire-kysely.js";
import { wireMikroOrm } from "./wire-mikro-orm.js";
import { wirePool } from "./wire-pool.js";
import { wirePostgresJs } from "./wire-postgres-js.js";
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
  "postgres.js": wirePostgresJs,
  "pg.Pool": wirePool,
};

/**
 * Gives the ORM's client the guarded pool; where there is none, or there are several and `named` is not the file of one,
 * it is left to a person. Throws {@link UsageError} where `named` is a file without such a client.
 */
export function wireClient(
  bench: Workbench,
  what: { readonly detection: Detection; readonly named: string | undefined },
): void {
  const { detection, named } = what;
  const kind = kindOfClient(detection);
  const title = kind === "pg.Pool" ? "pool of pg" : `${TITLES[kind as Orm | Driver]} client`;
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
    bench.manual.push(...clientByHand(detection, `no place was found that constructs a ${title}`));
  } else if (others.length > 0) {
    for (const one of chosen) leaveOneOf(bench, one, { detection, count: chosen.length });
  } else {
    WIRINGS[client.kind]?.(bench, client);
  }
}

function leaveOneOf(
  bench: Workbench,
  client: ClientNode,
  { detection, count }: { readonly detection: Detection; readonly count: number },
): void {
  bench.wired(client);
  bench.leave(
    client.file,
    client.node,
    `one of ${count}, and it is not plain which the application uses. Name its file with --client, or wire them all by hand`,
    lineFor(detection),
  );
}
