import { PartywallError } from "../../../errors.js";
import type { SqlClient } from "./catalog.js";
import { quoteIdentifier, quoteLiteral } from "./identifier.js";
import { scramVerifier } from "./scram.js";

/** What a login is for. */
export type LoginPurpose = "app" | "system" | "migrator" | "registry";

/** The logins to create, and for which database. */
export interface LoginOptions {
  readonly database: string;
  /** Role names; a purpose without a name gets no login. */
  readonly roles: { readonly app: string; readonly system: string } & Partial<
    Record<LoginPurpose, string>
  >;
  /** Passwords by purpose; a login without one cannot log in with a password until it is given one. */
  readonly passwords?: Partial<Record<LoginPurpose, string>>;
  /**
   * Whether a login without superuser rights creates them, on a server run by somebody else: the database is there,
   * and its owner migrates it, so neither is created.
   */
  readonly managed?: boolean;
  /** Leaves the databases `postgres` and `template1` to whoever may connect to them; default false. */
  readonly ownDatabaseOnly?: boolean;
}

/** One statement of the plan. */
export interface LoginStatement {
  readonly sql: string;
  /** The role or database it creates. */
  readonly creates?: { readonly kind: "role" | "database"; readonly name: string };
}

const ORDER = ["migrator", "app", "system", "registry"] as const satisfies LoginPurpose[];

/** The logins a plan creates, in its order. */
export function plannedLogins(
  options: Pick<LoginOptions, "roles" | "managed">,
): { readonly purpose: LoginPurpose; readonly role: string }[] {
  return ORDER.flatMap((purpose) => {
    const role = options.roles[purpose];
    return role === undefined || (options.managed && purpose === "migrator")
      ? []
      : [{ purpose, role }];
  });
}

/**
 * The statements that create the logins of docs/guides/logins.md and their database, in order. Passwords are in them
 * as SCRAM verifiers only. Throws `PW_CONFIG` for names or passwords that cannot be, and for one role with two purposes.
 */
export function planLogins(options: LoginOptions): LoginStatement[] {
  const logins = plannedLogins(options);
  const names = logins.map(({ role }) => role);
  const shared = names.find((name, at) => names.indexOf(name) !== at);
  if (shared !== undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      `The role ${JSON.stringify(shared)} has two purposes, so no policy could tell them apart. Name one role for each.`,
    );
  }
  const database = quoteIdentifier(options.database);
  const owner = options.managed ? undefined : options.roles.migrator;
  const closed = [
    database,
    ...(options.managed || options.ownDatabaseOnly ? [] : ["postgres", "template1"]),
  ];
  const guests = logins.filter(({ purpose }) => purpose !== "migrator");
  return [
    ...logins.map(({ purpose, role }) => ({
      sql: `create role ${quoteIdentifier(role)} login${passwordClause(options.passwords?.[purpose])}`,
      creates: { kind: "role" as const, name: role },
    })),
    ...(options.managed
      ? []
      : [
          {
            sql: `create database ${database}${owner === undefined ? "" : ` owner ${quoteIdentifier(owner)}`} template template0`,
            creates: { kind: "database" as const, name: options.database },
          },
        ]),
    { sql: `revoke connect, temporary on database ${closed.join(", ")} from public` },
    {
      sql: `grant connect on database ${database} to ${guests.map(({ role }) => quoteIdentifier(role)).join(", ")}`,
    },
  ];
}

function passwordClause(password: string | undefined): string {
  return password === undefined ? "" : ` password ${quoteLiteral(scramVerifier(password))}`;
}

/** Which roles and databases of a plan are there already. */
export interface LoginStanding {
  readonly superuser: boolean;
  readonly roles: readonly string[];
  readonly databases: readonly string[];
}

/** Looks which of a plan's roles and databases are there. */
export async function readLogins(
  client: SqlClient,
  options: Pick<LoginOptions, "database" | "roles">,
): Promise<LoginStanding> {
  const { rows } = await client.query(
    `select (select rolsuper from pg_catalog.pg_roles where rolname = current_user) as superuser,
  array(select rolname::text from pg_catalog.pg_roles where rolname = any($1::text[])) as roles,
  array(select datname::text from pg_catalog.pg_database where datname = $2) as databases`,
    [Object.values(options.roles), options.database],
  );
  return rows[0] as unknown as LoginStanding;
}

/**
 * Runs a plan; what is there already is left as it is, its password included. Each statement stands alone, because a
 * database cannot be created in a transaction; after a failure it can be run again.
 *
 * @returns the names of the roles and databases it created
 */
export async function applyLogins(
  client: SqlClient,
  plan: readonly LoginStatement[],
  standing: LoginStanding,
): Promise<string[]> {
  const created: string[] = [];
  for (const { sql, creates } of plan) {
    const there = creates?.kind === "role" ? standing.roles : standing.databases;
    if (creates !== undefined && there.includes(creates.name)) continue;
    await client.query(sql);
    if (creates !== undefined) created.push(creates.name);
  }
  return created;
}
