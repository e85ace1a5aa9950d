import { drizzleFormat } from "./drizzle.js";
import type { MigrationFormat } from "./format.js";
import { knexFormat } from "./knex.js";
import { kyselyFormat } from "./kysely.js";
import { lucidFormat } from "./lucid.js";
import { mikroOrmFormat } from "./mikro-orm.js";
import { prismaFormat } from "./prisma.js";
import { sequelizeFormat } from "./sequelize.js";
import { sqlFormat } from "./sql.js";
import { typeormFormat } from "./typeorm.js";

/**
 * Every way of writing an adoption plan, by its name. Where an application has packages of several, the first that fits
 * is its own: those that bring another's package along stand before it.
 *
 * @example
 * ```ts
 * import { MIGRATION_FORMATS } from "partywall/adopt";
 *
 * console.log(MIGRATION_FORMATS.map(({ name }) => name).includes("prisma")); // true
 * ```
 */
export const MIGRATION_FORMATS: readonly MigrationFormat[] = [
  prismaFormat,
  drizzleFormat,
  typeormFormat,
  mikroOrmFormat,
  lucidFormat,
  sequelizeFormat,
  kyselyFormat,
  knexFormat,
  sqlFormat,
];
