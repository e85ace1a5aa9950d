import pg from "pg";
import { createPartywall } from "partywall";
import { applyWall, guardPg, type WallOptions } from "partywall/guards/postgres";
import { testDatabase, urlAs } from "../../support/postgres.js";
import { dropRoles } from "../../support/roles.js";
import { SECRET } from "./world.js";

/** A database with its logins, on which nothing is built yet. */
export type Site = Awaited<ReturnType<typeof buildSite>>;

/** What {@link Site.build} takes besides the roles. */
export type SiteWall = Omit<WallOptions, "roles">;

// Everything the wall changes in a database or in a role, without what is random or in no order.
const CATALOG = `select json_build_object(
  'policies', (select json_agg(p order by p.schemaname, p.tablename, p.policyname) from pg_policies p),
  'relations', (select json_agg(json_build_array(c.oid::regclass::text, c.relkind, c.relowner::regrole::text, c.relrowsecurity,
      c.relforcerowsecurity, array(select unnest(c.relacl)::text order by 1)) order by c.oid::regclass::text)
    from pg_class c where c.relnamespace in (select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
      or (c.relacl is not null and c.relname ~ '^pg_prepared')),
  'columns', (select json_agg(json_build_array(a.attrelid::regclass::text, a.attname, a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
      order by a.attrelid::regclass::text, a.attnum)
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and a.attrelid in (select oid from pg_class where relkind in ('r', 'p')
      and relnamespace in (select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'))),
  'indexes', (select json_agg(i.indexdef order by i.indexdef) from pg_indexes i where i.schemaname !~ '^pg_'),
  'functions', (select json_agg(json_build_array(pg_get_functiondef(f.oid), f.proowner::regrole::text,
      array(select unnest(f.proacl)::text order by 1)) order by f.oid::regprocedure::text)
    from pg_proc f where f.pronamespace = to_regnamespace('partywall')),
  'rights', (select json_agg(json_build_array(f.oid::regprocedure::text, array(select unnest(f.proacl)::text order by 1)) order by f.oid::regprocedure::text)
    from pg_proc f where f.pronamespace = 'pg_catalog'::regnamespace and f.proacl is not null),
  'schemas', (select json_agg(json_build_array(nspname, nspowner::regrole::text, array(select unnest(nspacl)::text order by 1)) order by nspname)
    from pg_namespace where nspname !~ '^pg_'),
  'languages', (select json_agg(json_build_array(lanname, array(select unnest(lanacl)::text order by 1)) order by lanname) from pg_language),
  'database', (select array(select unnest(datacl)::text order by 1) from pg_database where datname = current_database()),
  'roles', (select json_agg(json_build_array(rolname, rolcanlogin, rolcreaterole, rolcreatedb, rolbypassrls, rolsuper, rolconfig) order by rolname)
    from pg_roles where rolname like current_database() || '%'),
  'members', (select json_agg(json_build_array(roleid::regrole::text, member::regrole::text) order by 1)
    from pg_auth_members where member::regrole::text like current_database() || '%'),
  'parameters', (select json_agg(a.item order by 1) from (select parname || ' ' || unnest(paracl)::text as item from pg_parameter_acl) a
    where a.item like '%' || current_database() || '%')) as catalog`;

/** Creates a fresh database with the logins `<name>_app` and `<name>_system`, and runs `ddl` as the superuser. */
export async function buildSite(ddl = "") {
  const database = await testDatabase();
  const roles = {
    app: `${database.name}_app`,
    system: `${database.name}_system`,
    owner: `${database.name}_owner`,
  };
  const login = (user: string) => urlAs(database.url, { user, password: "secret" });
  const superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  await superuser.query(`create role ${roles.app} login password 'secret'`);
  await superuser.query(`create role ${roles.system} login password 'secret'`);
  await superuser.query(ddl);
  const opened: { close(): Promise<void> }[] = [];
  return {
    database,
    roles,
    superuser,
    /** The connection string of one of the database's roles. */
    login,
    /** Builds the wall as the superuser. */
    build: (wall: SiteWall) => applyWall(superuser, { roles, ...wall }),
    /** An instance with these tenants. */
    open: async (...ids: string[]) => {
      const guard = guardPg(pg, { app: login(roles.app), system: login(roles.system) });
      const pw = createPartywall({ realm: database.name, secret: SECRET, postgres: guard });
      opened.push(pw);
      for (const [index, id] of ids.entries()) {
        await pw.tenants.create({ id, slug: `t${index}`, name: `T${index}` });
      }
      const query = async (text: string, values?: unknown[]) =>
        (await guard.pool.query(text, values)).rows as Record<string, unknown>[];
      return {
        pw,
        guard,
        /** Runs one statement as a tenant, through the guard. */
        as: (id: string, text: string, values?: unknown[]) => pw.run(id, () => query(text, values)),
      };
    },
    /** Everything the wall changes, as it stands; names of the database itself replaced, so that two can be compared. */
    catalog: async () => {
      const { rows } = await superuser.query(CATALOG);
      const text = JSON.stringify(rows[0].catalog).replaceAll(database.name, "site");
      return JSON.parse(text) as Record<string, unknown>;
    },
    close: async () => {
      for (const one of opened) await one.close();
      await superuser.end();
      await database.drop();
      await dropRoles(database);
    },
  };
}
