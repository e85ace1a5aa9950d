import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import { applyWall } from "../../guards/postgres/ddl/wall.js";
import type { PgModule } from "../../guards/postgres/driver.js";
import { guardPg, type PostgresGuard } from "../../guards/postgres/guard.js";
import type { GuardPgOptions } from "../../guards/postgres/options.js";
import { createPartywall, type Partywall } from "../../partywall.js";
import { memoryStore } from "../../registry/memory-store.js";
import type { Placement, Tenant } from "../../scope/tenant.js";
import type { AdminClient, AdminPg } from "../../tenants/postgres/admin.js";
import { provisioner } from "../../tenants/postgres/provisioner.js";
import { SEED, TABLE_NAMES, TABLES } from "./tables.js";

/** How a tenant is kept apart. */
export type Strategy = Placement["strategy"];

/** Every strategy, in the order of the matrix. */
export const STRATEGIES = ["row", "schema", "database"] as const satisfies readonly Strategy[];

/** The caller's own `pg`, which the suite guards and, unguarded, looks past the guard with. */
export type ConformancePg = PgModule & AdminPg;

/** One tenant, and an unguarded eye on its rows. */
export interface Side {
  readonly tenant: Tenant;
  readonly placement: Placement;
  /** Begins every name of its rows. */
  readonly mark: string;
  /** Runs SQL as a superuser in the tenant's home, past the guard. */
  readonly eye: (text: string, values?: readonly unknown[]) => Promise<Record<string, unknown>[]>;
  /** What is really in a table of the tenant's, in the order of ids. */
  readonly rows: (table: string) => Promise<Record<string, unknown>[]>;
  /** The name of its schema. */
  readonly schema: string;
}

/** An instance over a guard, as one process of an application has it. */
export interface Instance {
  readonly guard: PostgresGuard<PgModule>;
  readonly pw: Partywall;
}

const SECRET = "a secret of the conformance suite, long enough";
const PASSWORD = "conformance";

/** A database behind the wall, with tenants placed in every way. */
export class World {
  readonly #pg: ConformancePg;
  readonly #admin: string;
  readonly #name = `pw_conformance_${randomBytes(5).toString("hex")}`;
  readonly #store = memoryStore();
  readonly #databases: string[] = [];
  readonly #instances: Instance[] = [];
  readonly #sides = new Map<Strategy, readonly [Side, Side]>();
  readonly #eyes = new Map<string, Promise<AdminClient>>();

  constructor(pg: ConformancePg, admin: string) {
    this.#pg = pg;
    this.#admin = admin;
  }

  get roles(): { readonly app: string; readonly system: string; readonly migrator: string } {
    const of = (role: string) => `${this.#name}_${role}`;
    return { app: of("app"), system: of("system"), migrator: of("migrator") };
  }

  /** Connection string of a login in the tenants' common database. */
  url(role: "app" | "system" | "migrator" | "superuser", database = this.#name): string {
    const url = new URL(this.#admin);
    url.pathname = `/${database}`;
    if (role !== "superuser") {
      url.username = this.roles[role];
      url.password = PASSWORD;
    }
    return url.href;
  }

  /** Builds the databases and the wall. */
  async build(): Promise<void> {
    const { roles } = this;
    const template = `${this.#name}_template`;
    for (const name of [this.#name, template]) {
      await this.#onServer((client) => client.query(`create database ${name} template template0`));
      this.#databases.push(name);
    }
    await this.#at(template, (client) => client.query(TABLES));
    await this.#at(this.#name, async (client) => {
      for (const role of Object.values(roles)) {
        await client.query(`create role ${role} login password '${PASSWORD}'`);
      }
      await client.query(`${TABLES}; create schema tenant_template`);
      await client.query(`set search_path = tenant_template; ${TABLES}; reset search_path`);
      await client.query(`grant create, usage on schema public to ${roles.migrator}`);
      // Migrators keep their own records in a schema that they make.
      await client.query(`grant create on database ${this.#name} to ${roles.migrator}`);
      await patiently(() =>
        applyWall(client, {
          roles: { ...roles, owner: `${this.#name}_owner` },
          tables: [...TABLE_NAMES],
        }),
      );
    });
  }

  /** Another instance on the same registry, as another process has it. */
  instance(options: Partial<GuardPgOptions> & { readonly max?: number } = {}): Instance {
    const { max = 4, ...guardOptions } = options;
    const { roles } = this;
    const guard = guardPg<PgModule>(this.#pg, {
      app: { connectionString: this.url("app"), max },
      system: this.url("system"),
      expelGraceMs: 2000,
      ...guardOptions,
    });
    const homes = provisioner(this.#pg, {
      admin: this.url("superuser"),
      roles: { app: roles.app, system: roles.system },
      template: {
        schema: { schema: "tenant_template" },
        database: { database: `${this.#name}_template` },
      },
    });
    const pw = createPartywall({
      realm: this.#name,
      secret: SECRET,
      store: this.#store,
      postgres: guard,
      provision: (tenant) => homes.provision(tenant),
    });
    const instance = { guard, pw: pw as unknown as Partywall };
    this.#instances.push(instance);
    return instance;
  }

  /** Creates a tenant and its home, empty. */
  async settle({ pw }: Instance, slug: string, strategy: Strategy): Promise<Side> {
    const id = randomUUID();
    const name = `${this.#name}_${slug.replaceAll("-", "_")}`;
    const placement = { strategy, ...(strategy === "row" ? {} : { name }) };
    if (strategy === "database") this.#databases.push(name);
    const tenant = await patiently(() => pw.tenants.create({ id, slug, name: slug, placement }));
    const schema = strategy === "schema" ? name : "public";
    const database = strategy === "database" ? name : this.#name;
    const eye: Side["eye"] = async (text, values) => {
      const client = await this.#eye(database, schema);
      return (await client.query(text, values && [...values])).rows;
    };
    return {
      tenant,
      placement,
      mark: slug,
      schema,
      eye,
      rows: (table) =>
        eye(`select * from ${quoteIdentifier(table)} where tenant_id = $1 order by 1, 2, 3`, [id]),
    };
  }

  /** The two tenants of a strategy, with fresh rows and no others. */
  async fresh(instance: Instance, strategy: Strategy): Promise<readonly [Side, Side]> {
    let sides = this.#sides.get(strategy);
    if (sides === undefined) {
      sides = [
        await this.settle(instance, `${strategy}-ada`, strategy),
        await this.settle(instance, `${strategy}-bob`, strategy),
      ];
      this.#sides.set(strategy, sides);
    }
    for (const side of sides) {
      await side.eye(`truncate ${TABLE_NAMES.join(", ")} restart identity cascade`);
    }
    for (const { eye, tenant, mark } of sides) {
      for (const text of SEED) await eye(text, [tenant.id, mark]);
    }
    return sides;
  }

  /** Closes a tenant's eye, where many are opened. */
  async blink({ placement, schema }: Side): Promise<void> {
    if (placement.strategy === "row") return;
    const key = `${placement.strategy === "database" ? placement.name : this.#name}/${schema}`;
    const eye = this.#eyes.get(key);
    this.#eyes.delete(key);
    await (await eye)?.end();
  }

  async close(): Promise<void> {
    for (const { pw } of this.#instances) await pw.close();
    for (const eye of this.#eyes.values()) await (await eye).end();
    await this.#onServer(async (client) => {
      for (const name of this.#databases.toReversed()) {
        await client.query(`drop database if exists ${name} with (force)`);
      }
      const roles = [...Object.values(this.roles), `${this.#name}_owner`];
      for (const role of roles) {
        await patiently(() => client.query(`drop owned by ${role} cascade`));
        await patiently(() => client.query(`drop role ${role}`));
      }
    });
  }

  #eye(database: string, schema: string): Promise<AdminClient> {
    const key = `${database}/${schema}`;
    let eye = this.#eyes.get(key);
    if (eye === undefined) {
      eye = this.#connect(this.url("superuser", database), `-c search_path=${schema}`);
      this.#eyes.set(key, eye);
    }
    return eye;
  }

  async #connect(connectionString: string, options?: string): Promise<AdminClient> {
    const client = new this.#pg.Client({ connectionString, ...(options && { options }) });
    // It dies with its database.
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  async #at<T>(database: string, use: (client: SqlClient) => Promise<T>): Promise<T> {
    const client = await this.#connect(this.url("superuser", database));
    try {
      return await use(client);
    } finally {
      await client.end();
    }
  }

  async #onServer<T>(use: (client: SqlClient) => Promise<T>): Promise<T> {
    const client = await this.#connect(this.#admin);
    try {
      return await use(client);
    } finally {
      await client.end();
    }
  }
}

const MOST_TRIES = 20;

// Roles are the whole server's, and PostgreSQL does not wait for another session's change of the same one.
async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === MOST_TRIES || !collided(error)) throw error;
      await sleep(10 * tries);
    }
  }
}

function collided(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (error as { code?: unknown }).code === "XX000" || collided(error.cause);
}
