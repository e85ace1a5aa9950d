import { PartywallError } from "../../errors.js";
import { outside } from "../../scope/outside.js";
import type { SqlClient } from "./ddl/catalog.js";
import { isConfined, ruleReach } from "./ddl/confinement.js";
import { NO_TENANT } from "./ddl/seal-sql.js";
import { hasEnded } from "./ddl/observe-sql.js";
import { ROLLOUT_CONDITION, writtenCondition } from "./ddl/standing-rollouts.js";
import type { PgInternals, PgPool } from "./driver.js";
import { proofQueries } from "./private-names.js";
import { codeOf, rolloutFault } from "./rollout-proof.js";

// Tenant tables are known by the wall's policies; what the wall wrote into them is compared to the letter.
const LOGIN = `
with walled as (
  select distinct c.oid, c.relname, c.relnamespace, c.relowner, c.relrowsecurity and c.relforcerowsecurity as forced
  from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
  where p.polname in ('partywall_tenant', 'partywall_home', 'partywall_app', 'partywall_across')
), homes as (
  select p.polrelid from pg_catalog.pg_policy p
  cross join lateral (select pg_catalog.pg_get_expr(p.polqual, p.polrelid) as qual, pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as written) e
  where p.polname = 'partywall_home' and not p.polpermissive and p.polcmd = '*'
    and e.qual ~ '^\\(\\( SELECT partywall\\.home_text\\(\\) AS home_text\\) = ''([^'']|'''')+''::text\\)$' and e.written = e.qual
    and ((select oid from pg_catalog.pg_roles where rolname = current_user) = any (p.polroles)
      or not pg_catalog.has_table_privilege(current_user, p.polrelid, 'select, insert, update, delete'))
), owners as (
  select relowner as owner from walled
  union all select nspowner from pg_catalog.pg_namespace where nspname = 'partywall'
  union all select proowner from pg_catalog.pg_proc where pronamespace = pg_catalog.to_regnamespace('partywall')
  union all select datdba from pg_catalog.pg_database where datname = pg_catalog.current_database()
), standing as (
  select p.polrelid, pg_catalog.pg_get_expr(p.polqual, p.polrelid) as qual,
    pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as written
  from pg_catalog.pg_policy p
  where p.polname = 'partywall_tenant' and not p.polpermissive and p.polcmd = '*'
    and (select oid from pg_catalog.pg_roles where rolname = current_user) = any (p.polroles)
), rollouts as (
  select s.polrelid, pg_catalog.regexp_match(s.qual, ${ROLLOUT_CONDITION}) as parts from standing s
  where s.qual ~ ${ROLLOUT_CONDITION} and s.written = ${writtenCondition("s.qual")}
)
select r.rolsuper or r.rolbypassrls as bypasses, session_user <> current_user as acts, r.rolcreaterole as makes_roles, r.rolreplication as replicates,
  exists (select from owners where pg_catalog.pg_has_role(r.oid, owner, 'usage')) as owns,
  exists (select from pg_catalog.pg_auth_members m where m.member = r.oid) as member,
  exists (select from walled where not forced) as unforced,
  exists (select from walled w where w.oid not in (select polrelid from rollouts) and w.oid not in (select polrelid from homes) and not exists (select from standing s where s.polrelid = w.oid
    and s.qual ~ '^\\([^=]+ = \\( SELECT partywall\\.tenant_[a-z]+\\(\\) AS tenant_[a-z]+\\)\\)$' and s.written = s.qual)) as repoliced,
  exists (select from walled w join (${ruleReach}) f on f.touched = w.oid where not f.bypasses and not ${isConfined("f")}) as unconfined,
  exists (select from walled where pg_catalog.has_table_privilege(r.oid, oid, 'truncate')) as truncates,
  exists (select from pg_catalog.pg_class c where c.relnamespace = pg_catalog.to_regnamespace('partywall') and c.relkind = 'r'
    and c.relname in ('seals', 'seal_key')
    and pg_catalog.has_table_privilege(r.oid, c.oid, 'select, insert, update, delete, truncate')) as holds_seals,
  pg_catalog.to_regprocedure('partywall.enter(bytea)') is null as unwalled,
  pg_catalog.has_parameter_privilege(r.oid, 'backtrace_functions', 'set') as sets,
  (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('table', pg_catalog.concat(n.nspname, '.', w.relname),
      'mode', s.parts[3], 'until', s.parts[2]::bigint, 'ended', ${hasEnded("s.parts[2]::bigint")}) order by n.nspname, w.relname), '[]')
    from rollouts s join walled w on w.oid = s.polrelid join pg_catalog.pg_namespace n on n.oid = w.relnamespace) as rollouts
from pg_catalog.pg_roles r where r.rolname = current_user`;

// Each a column of the query above and what it means where it is true, the most telling first.
const FAULTS = {
  unwalled: "the function partywall.enter is missing; run applyWall()",
  bypasses: "the application's login is a superuser or has BYPASSRLS, so no policy applies to it",
  acts: "the application's login acts under another role than it logged in as, and SQL can take that role off again",
  makes_roles: "the application's login has CREATEROLE, so it can make itself another role",
  replicates: "the application's login has REPLICATION, so it can read every change",
  owns: "the application's login owns a part of the wall, so it can take it down",
  member: "the application's login is a member of another role, so it can become that role",
  sets: "the application's login may set the parameter that carries the tenant",
  holds_seals: "the application's login has rights on the seals",
  truncates: "the application's login may TRUNCATE a tenant table, which no policy stops",
  unforced: "row security is not enabled and forced on a tenant table; run applyWall()",
  repoliced: "a tenant table lacks the wall's policy, or it was changed; run applyWall()",
  unconfined:
    "a rule acts on a tenant table with its owner's rights, and the policy that confines it is missing or was changed; run applyWall()",
} as const;

async function proveNames(pg: PgInternals, client: SqlClient): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const queries = proofQueries(pg, (refusal, failure) => {
      const error = refusal ?? failure;
      if (error === undefined) resolve();
      else reject(error);
    });
    for (const query of queries) void client.query(query as never);
  });
}

/**
 * Proves that the wall stands: the pool is the guarded one, the login cannot pass the policies, and an unsealed
 * statement finds no tenant. Throws `PW_GUARD_BYPASSED` naming the first thing that is wrong, `PW_CONFIG` where
 * statements are to be kept prepared and their names would not be secret.
 */
export async function proveWall(
  pg: PgInternals,
  keeper: SqlClient,
  parts: {
    readonly app: object;
    readonly pool: PgPool;
    readonly guarded: new (config?: unknown) => PgPool;
    /** Whether connections keep statements prepared. */
    readonly keepsStatements: boolean;
    /** When the guard's rollout ends, in milliseconds since 1970; absent where none is open. */
    readonly rollout: number | undefined;
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
  await outside(async () => {
    client.on("error", () => undefined);
    await client.connect();
    try {
      const { rows } = await client.query(LOGIN);
      const login = rows[0] ?? {};
      for (const [column, what] of Object.entries(FAULTS)) {
        if (login[column] !== false) refuse(what);
      }
      const code = await codeOf(client, "select partywall.tenant_text()");
      if (code !== NO_TENANT) refuse("an unsealed statement was not told that no tenant is sealed");
      const fault = await rolloutFault(client, login["rollouts"], parts.rollout);
      if (fault !== undefined) refuse(fault);
      if (parts.keepsStatements) await proveNames(pg, client);
    } finally {
      await client.end();
    }
  });
}
