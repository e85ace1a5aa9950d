import type { ClientNode, ClientSite } from "./clients.js";
import {
  DRIVER_PACKAGES,
  FRAMEWORK_PACKAGES,
  ON_KNEX,
  ORM_PACKAGES,
  type Driver,
  type Framework,
  type Orm,
} from "./names.js";
import type { Manifest } from "./project.js";

/** What was found, and among what; without a value where several are as likely. */
export interface Finding<Name> {
  readonly value: Name | undefined;
  readonly candidates: readonly Name[];
}

/** The names that packages of a manifest speak for. */
export function candidatesOf<Name>(
  { dependencies }: Manifest,
  packages: readonly (readonly [Name, RegExp])[],
): Name[] {
  const names = [...dependencies.keys()];
  return packages.flatMap(([name, pattern]) =>
    names.some((one) => pattern.test(one)) ? [name] : [],
  );
}

const inApplication = ({ purpose }: ClientSite): boolean => purpose === "application";

/** The web framework of an application. */
export function frameworkOf(
  manifest: Manifest,
  clients: readonly ClientNode[],
  override: Framework | undefined,
): Finding<Framework> {
  if (override !== undefined) return { value: override, candidates: [override] };
  const candidates = candidatesOf(manifest, FRAMEWORK_PACKAGES);
  if (candidates.length === 0) return { value: "node", candidates: ["node"] };
  // What is built on Express or Fastify has them among its dependencies too.
  const [first] = candidates;
  if (first === "nest" || first === "next" || first === "adonis")
    return { value: first, candidates };
  if (candidates.length === 1) return { value: first, candidates };
  const constructed = clients.some((client) => client.kind === "express" && inApplication(client));
  const others = candidates.filter((name) => name !== "express");
  if (!constructed && others.length === 1) return { value: others[0], candidates };
  return { value: undefined, candidates };
}

// Objection, Lucid and MikroORM are set up in ways that a constructor does not tell.
const TOLD_BY_CONSTRUCTOR = new Set<Orm>([
  "drizzle",
  "kysely",
  "knex",
  "typeorm",
  "sequelize",
  "prisma",
]);

/** The ORM of an application. */
export function ormOf(
  manifest: Manifest,
  clients: readonly ClientNode[],
  override: Orm | undefined,
): Finding<Orm> {
  if (override !== undefined) return { value: override, candidates: [override] };
  const all = candidatesOf(manifest, ORM_PACKAGES);
  const installed = all.some((name) => ON_KNEX.includes(name))
    ? all.filter((name) => name !== "knex")
    : all;
  const kinds = new Set(clients.filter(inApplication).map(({ kind }) => kind));
  const usesPg = kinds.has("pg.Pool") || kinds.has("pg.Client");
  // An ORM that only migrates, or is on its way out, constructs nothing.
  const idle = installed.filter(
    (name) => TOLD_BY_CONSTRUCTOR.has(name) && !kinds.has(name as ClientSite["kind"]),
  );
  const used = installed.filter((name) => !idle.includes(name));
  const [first] = used.length > 0 ? used : installed;
  if (first === undefined) return { value: "none", candidates: ["none"] };
  if (used.length === 1) return { value: first, candidates: installed };
  if (used.length === 0 && installed.length === 1 && !usesPg)
    return { value: first, candidates: installed };
  return {
    value: undefined,
    candidates: used.length === 0 && usesPg ? [...installed, "none"] : installed,
  };
}

const DRIZZLE_DRIVERS: readonly (readonly [Driver, RegExp])[] = [
  ["pg", /\/node-postgres$/],
  ["postgres.js", /\/postgres-js$/],
  ["neon", /\/(?:neon-\w+|vercel-postgres)$/],
  ["mysql2", /\/(?:mysql2|planetscale-serverless|tidb-serverless)$/],
  ["sqlite", /\/(?:better-sqlite3|libsql|bun-sqlite|d1)$/],
];

/** The driver of an application. */
export function driverOf(
  manifest: Manifest,
  clients: readonly ClientNode[],
  orm: Orm | undefined,
  override: Driver | undefined,
): Finding<Driver> {
  if (override !== undefined) return { value: override, candidates: [override] };
  const installed = candidatesOf(manifest, DRIVER_PACKAGES);
  const own = clients.filter(inApplication);
  const named = own.flatMap(({ kind, origin }) =>
    kind === "drizzle"
      ? DRIZZLE_DRIVERS.flatMap(([driver, module]) => (module.test(origin.module) ? [driver] : []))
      : [],
  );
  const found = new Set(orm === "drizzle" && named.length > 0 ? named : installed);
  if (found.size <= 1) return { value: [...found][0], candidates: [...found] };
  const constructed = [...found].filter((driver) =>
    own.some(({ kind }) => kind === driver || (driver === "pg" && kind.startsWith("pg."))),
  );
  return { value: constructed.length === 1 ? constructed[0] : undefined, candidates: [...found] };
}
