import { randomUUID } from "node:crypto";
import pg from "pg";
import { createPartywall } from "partywall";
import { guardPg } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { repeated } from "../../support/roles.js";
import { buildSite, type Site } from "./site.js";
import { SECRET } from "./world.js";

const A = randomUUID();
const TABLES = `create table notes (tenant_id uuid not null, id int);
  create table events (tenant_id uuid not null, id int) partition by list (id);
  create table events_1 partition of events for values in (1);`;

interface Fault {
  readonly fault: string;
  /** What an administrator does; `$app`, `$system` and `$owner` are the roles, `$db` the database. */
  readonly plant: string;
  readonly undo: string;
  readonly only?: "parameter" | "mac";
}

const FAULTS: readonly Fault[] = [
  { fault: "BYPASSRLS", plant: "alter role $app bypassrls", undo: "alter role $app nobypassrls" },
  { fault: "a superuser", plant: "alter role $app superuser", undo: "alter role $app nosuperuser" },
  {
    fault: "CREATEROLE",
    plant: "alter role $app createrole",
    undo: "alter role $app nocreaterole",
  },
  {
    // The functions of logical decoding hand out every tenant's rows.
    fault: "REPLICATION",
    plant: "alter role $app replication",
    undo: "alter role $app noreplication",
  },
  {
    fault: "ownership of a tenant table",
    plant: "alter table notes owner to $app",
    undo: "alter table notes owner to current_user",
  },
  {
    fault: "ownership of a partition",
    plant: "alter table events_1 owner to $app",
    undo: "alter table events_1 owner to current_user",
  },
  {
    fault: "ownership of the wall's schema",
    plant: "alter schema partywall owner to $app",
    undo: "alter schema partywall owner to current_user",
  },
  {
    fault: "ownership of a function of the wall",
    plant: "alter function partywall.tenant_uuid() owner to $app",
    undo: "alter function partywall.tenant_uuid() owner to $owner",
  },
  {
    fault: "ownership of the database",
    plant: "alter database $db owner to $app",
    undo: "alter database $db owner to current_user",
  },
  {
    fault: "membership in the system login",
    plant: "grant $system to $app",
    undo: "revoke $system from $app",
  },
  {
    fault: "membership in the wall's owner",
    plant: "grant $owner to $app",
    undo: "revoke $owner from $app",
  },
  {
    fault: "membership in a role of the server",
    plant: "grant pg_read_all_data to $app",
    undo: "revoke pg_read_all_data from $app",
  },
  {
    fault: "row security not forced",
    plant: "alter table notes no force row level security",
    undo: "alter table notes force row level security",
  },
  {
    fault: "row security disabled",
    plant: "alter table notes disable row level security",
    undo: "alter table notes enable row level security",
  },
  {
    fault: "row security disabled on a partition",
    plant: "alter table events_1 disable row level security",
    undo: "alter table events_1 enable row level security",
  },
  {
    fault: "a policy that lets everything through",
    plant: "alter policy partywall_tenant on notes using (true)",
    undo: "select",
  },
  {
    fault: "a policy that lets everything be written",
    plant: "alter policy partywall_tenant on notes with check (true)",
    undo: "select",
  },
  {
    fault: "a policy for another role only",
    plant: "alter policy partywall_tenant on notes to $system",
    undo: "select",
  },
  {
    fault: "a policy taken away",
    plant: "drop policy partywall_tenant on notes",
    undo: "select",
  },
  {
    fault: "the right to set the tenant's parameter",
    plant: "grant set on parameter backtrace_functions to $app",
    undo: "revoke set on parameter backtrace_functions from $app",
  },
  {
    fault: "a tenant that is set for the login",
    plant: "alter role $app set backtrace_functions = 'pw_61'",
    undo: "alter role $app reset backtrace_functions",
    only: "parameter",
  },
  {
    fault: "no function that enters",
    plant: "drop function partywall.enter(bytea)",
    undo: "select",
  },
  {
    fault: "a function that knows a tenant without a seal",
    plant:
      "create or replace function partywall.tenant_text() returns text language sql as $$ select 'a'::text $$",
    undo: "select",
  },
  {
    fault: "the right to write seals",
    plant: "grant insert on partywall.seals to $app",
    undo: "revoke insert on partywall.seals from $app",
  },
  {
    fault: "the right to change seals",
    plant: "grant update on partywall.seals to $app",
    undo: "revoke update on partywall.seals from $app",
  },
  {
    fault: "the right to read the key of the seals",
    plant: "grant select on partywall.seal_key to $app",
    undo: "revoke select on partywall.seal_key from $app",
    only: "mac",
  },
  {
    fault: "the right to truncate a tenant table",
    plant: "grant truncate on notes to $app",
    undo: "revoke truncate on notes from $app",
  },
];

for (const seal of ["parameter", "mac"] as const) {
  describeEngine("postgres", `the wall's proof of itself, behind the ${seal} seal`, () => {
    const wall = { tables: ["notes", "events"], seal };
    let site: Site;
    let ready: () => Promise<void>;
    beforeAll(async () => {
      site = await buildSite(TABLES);
      await site.build(wall);
      ({
        pw: { ready },
      } = await site.open(A));
    });
    afterAll(() => site.close());

    const run = (sql: string) =>
      repeated(() =>
        site.superuser.query(
          sql
            .replaceAll("$app", site.roles.app)
            .replaceAll("$system", site.roles.system)
            .replaceAll("$owner", site.roles.owner)
            .replaceAll("$db", site.database.name),
        ),
      );

    test("a wall as it was built passes, again and again", async () => {
      for (let times = 0; times < 2; times += 1) await expect(ready()).resolves.toBeUndefined();
    });

    test.each(FAULTS.filter(({ only }) => only === undefined || only === seal))(
      "cannot be ready with $fault",
      async ({ plant, undo }) => {
        await run(plant);
        try {
          await expect(ready()).rejects.toMatchObject({ code: "PW_GUARD_BYPASSED" });
        } finally {
          await run(undo);
          await site.build(wall);
        }
        await ready();
      },
    );
  });
}

describeEngine("postgres", "a proof that cannot be given", () => {
  let site: Site;
  beforeAll(async () => {
    site = await buildSite(TABLES);
  });
  afterAll(() => site.close());

  const ready = async (logins: { app?: string; system?: string }) => {
    const postgres = guardPg(pg, { app: undefined, ...logins });
    const pw = createPartywall({ realm: site.database.name, secret: SECRET, postgres });
    try {
      await pw.ready();
    } finally {
      await pw.close();
    }
  };

  test("a database without a wall is told as such", async () => {
    const { app, system } = site.roles;
    await expect(ready({ app: site.login(app), system: site.login(system) })).rejects.toMatchObject(
      { code: "PW_GUARD_BYPASSED", message: /applyWall/ },
    );
  });

  test("the superuser as the application's login is refused", async () => {
    await site.build({ tables: ["notes"] });
    await expect(
      ready({ app: site.database.url, system: site.login(site.roles.system) }),
    ).rejects.toMatchObject({ code: "PW_GUARD_BYPASSED", message: /superuser/ });
  });

  // Every right it has is the application's then, but not by what it logged in as.
  test("a superuser that takes the application's role when it connects is refused", async () => {
    await site.build({ tables: ["notes"] });
    const disguised = new URL(site.database.url);
    disguised.searchParams.set("options", `-c role=${site.roles.app}`);
    await expect(
      ready({ app: disguised.href, system: site.login(site.roles.system) }),
    ).rejects.toMatchObject({ code: "PW_GUARD_BYPASSED", message: /another role/ });
  });

  test("the system login as the application's is refused", async () => {
    await site.build({ tables: ["notes"] });
    const system = site.login(site.roles.system);
    await expect(ready({ app: system, system })).rejects.toMatchObject({
      code: "PW_GUARD_BYPASSED",
    });
  });

  test("a missing login is told as PW_CONFIG", async () => {
    const { app, system } = site.roles;
    await expect(ready({ app: site.login(app) })).rejects.toMatchObject({ code: "PW_CONFIG" });
    await expect(ready({ system: site.login(system) })).rejects.toMatchObject({
      code: "PW_CONFIG",
    });
  });

  test("a login that cannot connect is told, without its password", async () => {
    const { app, system } = site.roles;
    const wrong = site.login(app).replace("secret", "wr0ng-passw0rd");
    const failure: unknown = await ready({ app: wrong, system: site.login(system) }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(Error);
    expect(String(failure)).not.toContain("wr0ng-passw0rd");
  });
});
