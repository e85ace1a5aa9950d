import { afterAll, beforeAll, expect, test } from "vitest";
import { applyWall } from "partywall/guards/postgres";
import { auditDatabase } from "../../../src/guards/postgres/audit/audit.js";
import type { AuditSubject, Finding } from "../../../src/guards/postgres/audit/check.js";
import { auditCodes } from "../../../src/guards/postgres/audit/checks.js";
import { describeEngine } from "../../support/engine.js";
import { repeated } from "../../support/roles.js";
import { buildSite, type Site } from "./site.js";

const TABLES = `
create table notes (tenant_id uuid not null, id int not null, body text, primary key (tenant_id, id));
create table tags (tenant_id uuid not null, id uuid primary key, note int, unique (tenant_id, id),
  foreign key (tenant_id, note) references notes (tenant_id, id));
create table counters (tenant_id uuid not null, id int generated always as identity primary key);
create table events (tenant_id uuid not null, id int) partition by list (id);
create table events_1 partition of events for values in (1);
create table "Odd ""Name" (org uuid not null, id serial primary key);
create table plans (name text primary key);
create view own_notes with (security_invoker = true) as select * from notes;
create view plan_names as select name from plans;
create materialized view plan_copy as select name from plans;
grant select on own_notes, plan_names, plan_copy to public;
create function harmless() returns int language sql as 'select 1';
create function hidden() returns int language sql security definer as 'select 1';
revoke execute on function hidden() from public;
`;

interface Fault {
  readonly code: string;
  readonly object: string;
  /** What an administrator does; `$app`, `$system` and `$owner` are the roles, `$db` the database. */
  readonly plant: string;
  readonly undo: string;
  /** Codes that the same fault has as well. */
  readonly also?: readonly string[];
}

const FAULTS: readonly Fault[] = [
  {
    code: "rule-bypasses-policies",
    object: "r on public.notes",
    plant: "create rule r as on delete to notes do also delete from tags where note = old.id",
    undo: "drop rule r on notes",
  },
  {
    code: "rule-unconfined",
    object: "r on public.notes",
    plant:
      "alter table notes owner to $owner; create rule r as on delete to notes do also delete from tags where note = old.id",
    undo: "drop rule r on notes; alter table notes owner to current_user",
  },
  {
    code: "rule-fired-by-foreign-key",
    object: "r on public.tags",
    plant:
      "alter table tags add constraint fires foreign key (tenant_id, note) references notes (tenant_id, id) on delete cascade; create rule r as on delete to tags do also insert into counters default values",
    undo: "drop rule r on tags; alter table tags drop constraint fires",
  },
  {
    code: "login-superuser",
    object: "$app",
    plant: "alter role $app superuser",
    undo: "alter role $app nosuperuser",
    // A superuser has every right there is.
    also: ["privilege-", "truncate", "security-definer"],
  },
  {
    code: "login-bypassrls",
    object: "$app",
    plant: "alter role $app bypassrls",
    undo: "alter role $app nobypassrls",
    also: ["privilege-role-attributes"],
  },
  {
    code: "login-createrole",
    object: "$app",
    plant: "alter role $app createrole",
    undo: "alter role $app nocreaterole",
    also: ["privilege-role-attributes"],
  },
  {
    code: "login-replication",
    object: "$app",
    plant: "alter role $app replication",
    undo: "alter role $app noreplication",
    also: ["privilege-role-attributes"],
  },
  {
    code: "privilege-role-attributes",
    object: "$app",
    plant: "alter role $app createdb",
    undo: "alter role $app nocreatedb",
  },
  {
    code: "login-owns",
    object: "table public.events_1",
    plant: "alter table events_1 owner to $app",
    undo: "alter table events_1 owner to current_user; revoke all on events_1 from $app; grant select, insert, update, delete on events_1 to $app",
    also: ["truncate"],
  },
  {
    code: "login-owns",
    object: "database $db",
    plant: "alter database $db owner to $app",
    undo: "alter database $db owner to current_user; revoke temporary, create on database $db from $app",
    // The owner of the database owns the schema public too.
    also: ["privilege-temp-tables", "privilege-schema-create"],
  },
  {
    code: "login-owns",
    object: "schema partywall",
    plant: "alter schema partywall owner to $app",
    undo: "alter schema partywall owner to current_user; revoke create on schema partywall from $app; grant usage on schema partywall to $app",
    also: ["privilege-schema-create"],
  },
  {
    code: "login-owns",
    object: "function partywall.tenant_uuid()",
    plant: "alter function partywall.tenant_uuid() owner to $app",
    undo: "alter function partywall.tenant_uuid() owner to $owner; grant execute on function partywall.tenant_uuid() to $app",
  },
  {
    code: "login-member",
    object: "pg_read_all_data",
    plant: "grant pg_read_all_data to $app",
    undo: "revoke pg_read_all_data from $app",
    also: ["seals-reachable", "privilege-prepared-statements"],
  },
  {
    code: "seal-parameter",
    object: "backtrace_functions",
    plant: "grant set on parameter backtrace_functions to $app",
    undo: "revoke set on parameter backtrace_functions from $app",
  },
  {
    code: "seals-reachable",
    object: "partywall.seals",
    plant: "grant select (tenant) on partywall.seals to $app",
    undo: "revoke select (tenant) on partywall.seals from $app",
  },
  {
    code: "row-security-off",
    object: "public.notes",
    plant: "alter table notes no force row level security",
    undo: "alter table notes force row level security",
  },
  {
    code: "row-security-off",
    object: "public.events_1",
    plant: "alter table events_1 disable row level security",
    undo: "alter table events_1 enable row level security",
  },
  {
    // Attached later, and granted before it had policies.
    code: "row-security-off",
    object: "public.events_2",
    plant:
      "create table events_2 partition of events for values in (2); grant select on events_2 to $app",
    undo: "drop table events_2",
    also: ["policy-changed"],
  },
  {
    code: "policy-changed",
    object: "public.notes",
    plant: "alter policy partywall_tenant on notes using (true)",
    undo: "rebuild",
  },
  {
    code: "policy-changed",
    object: "public.notes",
    plant: "alter policy partywall_tenant on notes with check (true)",
    undo: "rebuild",
  },
  {
    code: "policy-changed",
    object: "public.notes",
    plant: "alter policy partywall_tenant on notes to $system",
    undo: "rebuild",
  },
  {
    code: "policy-changed",
    object: 'public."Odd ""Name"',
    plant: 'drop policy partywall_tenant on "Odd ""Name"',
    undo: "rebuild",
  },
  {
    code: "table-unwalled",
    object: "public.later",
    plant: "create table later (tenant_id uuid, id int); grant select on later to $app",
    undo: "drop table later",
  },
  {
    // By the name that another table's tenant column has.
    code: "table-unwalled",
    object: "shop.later",
    plant:
      "create schema shop; create table shop.later (org uuid); grant update (org) on shop.later to $app",
    undo: "drop schema shop cascade",
  },
  {
    // Said to be a tenant's, and reached by nobody yet.
    code: "table-unwalled",
    object: "public.declared",
    plant: "create table declared (id int)",
    undo: "drop table declared",
  },
  {
    code: "truncate",
    object: "public.notes",
    plant: "grant truncate on notes to public",
    undo: "revoke truncate on notes from public",
  },
  {
    code: "foreign-key-without-tenant",
    object: "tag_of on public.likes",
    plant: "create table likes (tag uuid constraint tag_of references tags (id) on delete cascade)",
    undo: "drop table likes",
  },
  {
    code: "foreign-key-without-tenant",
    object: "counter_of on public.notes",
    plant:
      "alter table notes add column counter int, add constraint counter_of foreign key (counter) references counters (id)",
    undo: "alter table notes drop column counter",
  },
  {
    code: "unique-without-tenant",
    object: "public.one_body",
    plant: "create unique index one_body on notes (body)",
    undo: "drop index one_body",
  },
  {
    code: "unique-without-tenant",
    object: "public.one_lower",
    plant: "create unique index one_lower on notes (lower(body)) include (tenant_id)",
    undo: "drop index one_lower",
  },
  {
    code: "view-runs-as-owner",
    object: "public.all_notes",
    plant:
      "create view all_notes as select * from own_notes; grant select (body) on all_notes to $app",
    undo: "drop view all_notes",
  },
  {
    code: "view-runs-as-owner",
    object: "public.own_notes",
    plant: "alter view own_notes set (security_invoker = off)",
    undo: "alter view own_notes set (security_invoker = on)",
  },
  {
    code: "materialised-view",
    object: "public.note_copy",
    plant:
      "create materialized view note_copy as select body from notes; grant select on note_copy to public",
    undo: "drop materialized view note_copy",
  },
  {
    code: "security-definer",
    object: "public.peek(integer)",
    plant: "create function peek(int) returns int language sql security definer as 'select 1'",
    undo: "drop function peek(int)",
  },
  {
    // In the wall's own schema, but not of the wall.
    code: "security-definer",
    object: "partywall.peek()",
    plant:
      "create function partywall.peek() returns int language sql security definer as 'select 1'",
    undo: "drop function partywall.peek()",
  },
  {
    code: "privilege-temp-tables",
    object: "$app",
    plant: "grant temporary on database $db to public",
    undo: "revoke temporary on database $db from public",
  },
  {
    code: "privilege-schema-create",
    object: "$app",
    plant: "grant create on schema public to $app",
    undo: "revoke create on schema public from $app",
  },
  {
    code: "privilege-languages",
    object: "$app",
    plant: "grant usage on language plpgsql to public",
    undo: "revoke usage on language plpgsql from public",
  },
  {
    code: "privilege-large-objects",
    object: "$app",
    plant: "grant execute on function lo_creat(int) to $app",
    undo: "revoke execute on function lo_creat(int) from $app",
  },
  {
    code: "privilege-signal-backends",
    object: "$app",
    plant: "grant execute on function pg_cancel_backend(int) to $app",
    undo: "revoke execute on function pg_cancel_backend(int) from $app",
  },
  {
    code: "privilege-prepared-statements",
    object: "$app",
    plant: "grant select on pg_prepared_statements to $app",
    undo: "revoke select on pg_prepared_statements from $app",
  },
  {
    code: "privilege-track-activities",
    object: "$app",
    plant: "alter role $app reset track_activities",
    undo: "alter role $app set track_activities = off",
  },
  {
    code: "privilege-system-signal",
    object: "$system",
    plant: "revoke pg_signal_backend from $system",
    undo: "grant pg_signal_backend to $system",
  },
  {
    code: "wall-missing",
    object: "partywall.enter(bytea)",
    plant: "drop function partywall.enter(bytea)",
    undo: "rebuild",
  },
];

describeEngine("postgres", "the audit of a PostgreSQL database", () => {
  let site: Site;
  let subject: AuditSubject;
  const wall = {
    tables: [
      "notes",
      "tags",
      "counters",
      "events",
      { schema: "public", name: 'Odd "Name', column: "org" },
    ],
    shared: ["plans"],
  };
  const seen = new Set<string>();
  const filled = (text: string): string =>
    text
      .replaceAll("$app", site.roles.app)
      .replaceAll("$system", site.roles.system)
      .replaceAll("$owner", site.roles.owner)
      .replaceAll("$db", site.database.name);
  const sql = async (text: string): Promise<void> => {
    if (text === "rebuild") await site.build(wall);
    else await repeated(() => site.superuser.query(filled(text)));
  };
  const audit = (): Promise<Finding[]> => auditDatabase(site.superuser, subject);

  beforeAll(async () => {
    site = await buildSite(TABLES);
    await site.build(wall);
    subject = {
      login: site.roles.app,
      system: site.roles.system,
      tenantColumn: "tenant_id",
      declared: [
        { schema: "public", name: "declared", kind: "tenant" },
        { schema: "public", name: "said_to_be_shared", kind: "shared" },
      ],
    };
  });
  afterAll(() => site?.close());

  test("finds nothing where the wall stands, keys of unguessable or generated values included", async () => {
    expect(await audit()).toEqual([]);
  });

  test.each(FAULTS)("finds $code: $plant", async ({ code, object, plant, undo, also = [] }) => {
    await sql(plant);
    try {
      const found = await audit();
      expect(found.map((one) => `${one.code} ${one.object}`)).toContain(
        `${code} ${filled(object)}`,
      );
      const others = found.filter(
        (one) => one.code !== code && !also.some((start) => one.code.startsWith(start)),
      );
      expect(others).toEqual([]);
      for (const one of found) {
        expect(one.why + one.fix).not.toMatch(/\{(object|login)\}/);
        seen.add(one.code);
      }
    } finally {
      await sql(undo);
    }
    expect(await audit()).toEqual([]);
  });

  test("finds a table in gradual rollout until it is enforced", async () => {
    const until = new Date(Date.now() + 86_400_000);
    await applyWall(site.superuser, {
      roles: site.roles,
      ...wall,
      rollout: { until, tables: { notes: "stamp" } },
    });
    const open = await audit();
    expect(open).toEqual([
      expect.objectContaining({
        code: "rollout-open",
        severity: "critical",
        object: `public.notes (stamp until ${until.toISOString()})`,
      }),
    ]);
    seen.add("rollout-open");
    await sql("alter policy partywall_tenant on notes with check (true)");
    expect((await audit()).map(({ code }) => code).toSorted()).toEqual([
      "policy-changed",
      "rollout-open",
    ]);
    await sql("rebuild");
    expect(await audit()).toEqual([]);
  });

  test("every question it asks was shown to find something", () => {
    expect(auditCodes().filter((code) => !seen.has(code))).toEqual([]);
  });

  test("an unwalled table that is said to be shared is no finding", async () => {
    await sql(
      "create table said_to_be_shared (tenant_id uuid); grant select on said_to_be_shared to $app",
    );
    expect(await audit()).toEqual([]);
    await sql("drop table said_to_be_shared");
  });

  test("reads as the system login, changes nothing, and is not led astray by the session", async () => {
    await sql(
      "create schema evil; create function evil.quote_ident(name) returns text language sql as 'select null'",
    );
    await sql("alter table notes no force row level security");
    const before = await site.catalog();
    const { pw, guard } = await site.open();
    const found = await pw.system({ reason: "test" }, async () => {
      const client = await guard.pool.connect();
      try {
        await client.query("set search_path = evil, partywall, public");
        return await auditDatabase(client, subject);
      } finally {
        client.release();
      }
    });
    expect(found.map(({ code }) => code)).toEqual(["row-security-off"]);
    expect(await site.catalog()).toEqual(before);
    await sql("alter table notes force row level security; drop schema evil cascade");
  });

  test("a login that is not there is refused, not found to be harmless", async () => {
    await expect(
      auditDatabase(site.superuser, { ...subject, login: "nobody_at_all" }),
    ).rejects.toMatchObject({ code: "PW_CONFIG" });
  });
});
