import { PartywallError } from "../../errors.js";
import { anchor } from "../../scope/anchor.js";
import type { SqlClient } from "./ddl/catalog.js";
import { NO_TENANT } from "./ddl/seal-sql.js";
import type { PgInternals, PgPool } from "./driver.js";

const LOGIN = `select r.rolsuper or r.rolbypassrls as bypasses, r.rolcreaterole as makes_roles,
  exists (select from pg_catalog.pg_class c join pg_catalog.pg_policy p on p.polrelid = c.oid
    where p.polname = 'partywall_tenant' and pg_catalog.pg_has_role(r.oid, c.relowner, 'usage')) as owns,
  (select pg_catalog.string_agg(c.oid::pg_catalog.regclass::text, ', ') from pg_catalog.pg_class c
    join pg_catalog.pg_policy p on p.polrelid = c.oid
    where p.polname = 'partywall_tenant' and not (c.relrowsecurity and c.relforcerowsecurity)) as unforced,
  exists (select from pg_catalog.pg_auth_members m where m.member = r.oid) as member,
  pg_catalog.to_regprocedure('partywall.enter(bytea)') is not null as walled,
  pg_catalog.has_parameter_privilege(r.oid, 'backtrace_functions', 'set') as sets
from pg_catalog.pg_roles r where r.rolname = current_user`;

const CRITICAL = {
  bypasses: "is a superuser or has BYPASSRLS, so no policy applies to it",
  makes_roles: "has CREATEROLE, so it can make itself another role",
  owns: "owns a tenant table, so it can drop the policies",
  member: "is a member of another role, so it can become that role",
  sets: "may set the parameter that carries the tenant",
} as const;

/**
 * Proves that the wall stands: the pool is the guarded one, the login cannot pass the policies, and an unsealed
 * statement finds no tenant. Throws `PW_GUARD_BYPASSED` naming the first thing that is wrong.
 */
export async function proveWall(
  pg: PgInternals,
  keeper: SqlClient,
  parts: {
    readonly app: object;
    readonly pool: PgPool;
    readonly guarded: new (config?: unknown) => PgPool;
  },
): Promise<void> {
  const refuse = (what: string): never => {
    throw new PartywallError(
      "PW_GUARD_BYPASSED",
      `The wall does not stand: ${what}. See docs/security.md; nothing should be served until it does.`,
    );
  };
  if (!(parts.pool instanceof parts.guarded)) refuse("the pool is not the guarded one");
  await keeper.query("select 1");
  // A plain connection of the application's login: what an injected statement has to work with.
  const client = new pg.Client(parts.app) as unknown as SqlClient & {
    connect(): Promise<void>;
    end(): Promise<void>;
    on(event: "error", listener: () => void): void;
  };
  await anchor.als.run(undefined, async () => {
    client.on("error", () => undefined);
    await client.connect();
    try {
      const { rows } = await client.query(LOGIN);
      const login = rows[0] ?? {};
      if (login["walled"] !== true)
        refuse("the function partywall.enter is missing; run applyWall()");
      for (const [column, why] of Object.entries(CRITICAL)) {
        if (login[column] === true) refuse(`the application's login ${why}`);
      }
      if (login["unforced"]) refuse("row security is not enabled and forced on a tenant table");
      const code = await client.query("select partywall.tenant_text()").then(
        () => undefined,
        (error: { code?: string }) => error.code,
      );
      if (code !== NO_TENANT) refuse("an unsealed statement was not told that no tenant is sealed");
    } finally {
      await client.end();
    }
  });
}
