import { createHash, randomBytes } from "node:crypto";
import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import type { Placement } from "../../scope/tenant.js";
import { lockKey, transaction, vacantLock, type AdminClient } from "./admin.js";
import { makeDatabase, markDatabase, unfinishedName } from "./database-home.js";
import { markText, readMark, type Mark } from "./marks.js";
import { makeSchema, markSchema } from "./schema-home.js";
import type { Works } from "./works.js";

/** Which homes are made ahead. */
export interface VacanciesOptions {
  readonly strategy: "schema" | "database";
  /** The server they are on; the default one unless told. */
  readonly server?: string;
  /** How many there should be. */
  readonly size: number;
}

/** How many homes are made ahead, and promised but not moved into yet. */
export interface VacanciesStatus {
  readonly vacant: number;
  readonly claimed: number;
}

/** Homes made ahead, so that a sign-up waits for none. Their functions need no `this`. */
export interface Vacancies {
  /**
   * Promises one home to a tenant and gives its placement, for `pw.tenants.create()`. Two never get the same; the same
   * tenant gets the same again. Rejects with `PW_PROVISION_FAILED` where none is vacant.
   *
   * @param secret names the login of its own that the tenant is to have
   */
  claim(tenant: { readonly id: string; readonly secret?: string }): Promise<Placement>;
  /** Makes homes until there are `size`, one after the other; resolves to how many it made. Call it after sign-ups, or by a timer. */
  refill(): Promise<number>;
  /**
   * Makes vacant again what was claimed for tenants that were never created; resolves to how many.
   *
   * @param isKnown whether the registry has the tenant, in whatever status
   */
  returnUnused(isKnown: (tenantId: string) => Promise<boolean>): Promise<number>;
  status(): Promise<VacanciesStatus>;
}

const HOMES = {
  schema: `select n.nspname as name, pg_catalog.obj_description(n.oid, 'pg_namespace') as mark
from pg_catalog.pg_namespace n join pg_catalog.pg_description d on d.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and d.objoid = n.oid
where pg_catalog.starts_with(n.nspname, $1)`,
  database: `select n.datname as name, pg_catalog.shobj_description(n.oid, 'pg_database') as mark
from pg_catalog.pg_database n join pg_catalog.pg_shdescription d on d.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass and d.objoid = n.oid
where pg_catalog.starts_with(n.datname, $1)`,
} as const;

/** What the names of an application's homes begin with while they are nobody's. */
export function poolPrefix(database: string, appRole: string): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([database, appRole]))
    .digest("hex");
  return `partywall_pool_${digest.slice(0, 12)}_`;
}

/** The pool of a provisioner; see `Provisioner.vacancies`. */
export class VacantHomes {
  readonly #works: Works;
  readonly #options: VacanciesOptions;
  readonly #what: string;
  #prefix: string | undefined;

  constructor(works: Works, options: VacanciesOptions) {
    if (!Number.isSafeInteger(options.size) || options.size < 0) {
      throw new PartywallError(
        "PW_CONFIG",
        "vacancies() got a `size` that is not a whole number from 0 on.",
      );
    }
    works.admins.config(options.server);
    this.#works = works;
    this.#options = options;
    this.#what = vacantLock(options.strategy);
  }

  claim(tenant: { readonly id: string; readonly secret?: string }): Promise<Placement> {
    const { id, secret } = tenant;
    return this.#counting(async (client) => {
      const mine = [
        markText({ stage: "claimed", tenantId: id }),
        markText({ stage: "home", tenantId: id }),
      ];
      const own = await this.#marked(client, mine);
      const name = own ?? (await this.#marked(client, [markText({ stage: "vacant" })]));
      if (name === undefined) {
        throw new PartywallError(
          "PW_PROVISION_FAILED",
          `No ${this.#options.strategy} is vacant. Call refill(), or name a home of its own and let it be provisioned.`,
        );
      }
      if (own === undefined) await this.#mark(client, name, { stage: "claimed", tenantId: id });
      return this.#placement(name, secret);
    });
  }

  refill(): Promise<number> {
    const { server, size } = this.#options;
    // Of two that refill at once the second waits, and finds what the first has made.
    return this.#works.admins.alone(server, `refilling of ${this.#what}`, async (client) => {
      let made = 0;
      for (const { name, mark } of await this.#homes(client)) {
        if (mark?.stage !== "making") continue;
        await this.#make(client, name, { there: true });
        made += 1;
      }
      let { vacant } = await this.#count(client);
      for (; vacant < size; vacant += 1) {
        await this.#make(client, (await this.#prefixOf(client)) + randomBytes(10).toString("hex"), {
          there: false,
        });
        made += 1;
      }
      return made;
    });
  }

  returnUnused(isKnown: (tenantId: string) => Promise<boolean>): Promise<number> {
    const { server } = this.#options;
    return this.#works.admins.with(server, undefined, async (client) => {
      let returned = 0;
      for (const { name, mark } of await this.#homes(client)) {
        if (mark?.stage !== "claimed") continue;
        if (await isKnown(mark.tenantId)) continue;
        const isVacant = await this.#counting(async (turn) => {
          // Whoever claimed it may have moved in meanwhile.
          if ((await this.#marked(turn, [markText(mark)])) !== name) return false;
          await this.#mark(turn, name, { stage: "vacant" });
          return true;
        });
        if (isVacant) returned += 1;
      }
      return returned;
    });
  }

  status(): Promise<VacanciesStatus> {
    return this.#works.admins.with(this.#options.server, undefined, (client) =>
      this.#count(client),
    );
  }

  async #count(client: SqlClient): Promise<VacanciesStatus> {
    const homes = await this.#homes(client);
    const of = (stage: Mark["stage"]) => homes.filter(({ mark }) => mark?.stage === stage).length;
    return { vacant: of("vacant"), claimed: of("claimed") };
  }

  // One at a time looks for a home and marks it; marks seen are then those that others have committed.
  #counting<T>(work: (client: AdminClient) => Promise<T>): Promise<T> {
    return this.#works.admins.with(this.#options.server, undefined, (client) =>
      transaction(client, async () => {
        await client.query("select pg_catalog.pg_advisory_xact_lock($1)", [lockKey(this.#what)]);
        return work(client);
      }),
    );
  }

  // Of the application's own: databases of others may be on the same server.
  async #prefixOf(client: SqlClient): Promise<string> {
    if (this.#prefix === undefined) {
      const { rows } = await client.query("select pg_catalog.current_database() as name");
      this.#prefix = poolPrefix(String(rows[0]?.["name"]), this.#works.roles.app);
    }
    return this.#prefix;
  }

  async #homes(
    client: SqlClient,
  ): Promise<{ readonly name: string; readonly mark: Mark | undefined }[]> {
    const { rows } = await client.query(`${HOMES[this.#options.strategy]} order by n.oid`, [
      await this.#prefixOf(client),
    ]);
    return rows.map(({ name, mark }) => ({
      name: String(name),
      mark: readMark(mark as string | null),
    }));
  }

  async #marked(client: SqlClient, marks: readonly string[]): Promise<string | undefined> {
    const { rows } = await client.query(
      `${HOMES[this.#options.strategy]} and d.description = any ($2) order by n.oid limit 1`,
      [await this.#prefixOf(client), marks],
    );
    return rows[0]?.["name"] as string | undefined;
  }

  #mark(client: SqlClient, name: string, mark: Mark): Promise<void> {
    return this.#options.strategy === "schema"
      ? markSchema(client, name, mark)
      : markDatabase(client, name, mark);
  }

  async #make(
    client: AdminClient,
    name: string,
    standing: { readonly there: boolean },
  ): Promise<void> {
    const placement = { ...this.#placement(name), name };
    // One is made at a time, so that one name will do for what has none of its own yet.
    const unfinished = unfinishedName(await this.#prefixOf(client), "");
    const marks = { begun: { stage: "making" }, filled: { stage: "vacant" }, unfinished } as const;
    const { strategy } = this.#options;
    const make = strategy === "schema" ? makeSchema : makeDatabase;
    await make(client, this.#works, placement, marks, standing);
  }

  #placement(name: string, secret?: string): Placement {
    const { strategy, server } = this.#options;
    return {
      strategy,
      name,
      ...(server !== undefined && { server }),
      ...(secret !== undefined && { secret }),
    };
  }
}
