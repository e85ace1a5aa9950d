/** A web framework that `init` knows by name. */
export const FRAMEWORKS = [
  "express",
  "fastify",
  "koa",
  "hono",
  "next",
  "nest",
  "adonis",
  "node",
] as const;

/** A web framework, or `node` for none. */
export type Framework = (typeof FRAMEWORKS)[number];

/** An ORM or query builder that `init` knows by name. */
export const ORMS = [
  "drizzle",
  "kysely",
  "knex",
  "objection",
  "lucid",
  "typeorm",
  "sequelize",
  "mikro-orm",
  "prisma",
  "mongoose",
  "none",
] as const;

/** An ORM or query builder, or `none`. */
export type Orm = (typeof ORMS)[number];

/** A database driver that `init` knows by name. */
export const DRIVERS = ["pg", "postgres.js", "neon", "mysql2", "mongodb", "sqlite"] as const;

/** A database driver. */
export type Driver = (typeof DRIVERS)[number];

/** What people call them. */
export const TITLES: Readonly<Record<Framework | Orm | Driver, string>> = {
  express: "Express",
  fastify: "Fastify",
  koa: "Koa",
  hono: "Hono",
  next: "Next.js",
  nest: "NestJS",
  adonis: "AdonisJS",
  node: "plain Node.js",
  drizzle: "Drizzle",
  kysely: "Kysely",
  knex: "Knex",
  objection: "Objection",
  lucid: "Lucid",
  typeorm: "TypeORM",
  sequelize: "Sequelize",
  "mikro-orm": "MikroORM",
  prisma: "Prisma",
  mongoose: "Mongoose",
  none: "no ORM",
  pg: "pg",
  "postgres.js": "postgres.js",
  neon: "Neon's serverless driver",
  mysql2: "mysql2",
  mongodb: "the MongoDB driver",
  sqlite: "SQLite",
};

/** The packages that speak for a framework, in the order in which one hides those behind it: NestJS runs on Express. */
export const FRAMEWORK_PACKAGES: readonly (readonly [Framework, RegExp])[] = [
  ["nest", /^@nestjs\/core$/],
  ["next", /^next$/],
  ["adonis", /^@adonisjs\/core$/],
  ["express", /^express$/],
  ["fastify", /^fastify$/],
  ["koa", /^koa$/],
  ["hono", /^hono$/],
];

/** The packages that speak for an ORM. */
export const ORM_PACKAGES: readonly (readonly [Orm, RegExp])[] = [
  ["drizzle", /^drizzle-orm$/],
  ["kysely", /^kysely$/],
  ["objection", /^objection$/],
  ["lucid", /^@adonisjs\/lucid$/],
  ["knex", /^knex$/],
  ["typeorm", /^typeorm$/],
  ["sequelize", /^(?:sequelize|sequelize-typescript|@sequelize\/core)$/],
  ["mikro-orm", /^@mikro-orm\/core$|^@mikro-orm\/(?:postgresql|mysql|mariadb|mongodb)$/],
  ["prisma", /^@prisma\/client$|^prisma$/],
  ["mongoose", /^mongoose$/],
];

/** The packages that are drivers, or bring one along. */
export const DRIVER_PACKAGES: readonly (readonly [Driver, RegExp])[] = [
  ["pg", /^(?:pg|pg-pool|@prisma\/adapter-pg|@mikro-orm\/postgresql)$/],
  ["postgres.js", /^postgres$/],
  ["neon", /^(?:@neondatabase\/serverless|@vercel\/postgres)$/],
  ["mysql2", /^(?:mysql2?|mariadb|@mikro-orm\/(?:mysql|mariadb))$/],
  ["mongodb", /^(?:mongodb|mongoose|@mikro-orm\/mongodb)$/],
  ["sqlite", /^(?:better-sqlite3|sqlite3|@libsql\/client)$/],
];

/** The ORMs that are built on Knex, whose package is then only their means. */
export const ON_KNEX: readonly Orm[] = ["objection", "lucid"];
