import { numbered, type Entry } from "../entry.js";

const USERS = "create table users (id serial primary key, name text unique);";
const PEOPLE = "insert into users (name) values ('ann'), ('bob')";

/** What the application's login could reach past its tenant's rows, were nothing done about it. */
export const reach: readonly Entry[] = [
  {
    name: "grants-to-everyone",
    trait:
      "everything granted to everyone, and to the application's login before it was behind a wall",
    ddl: `${USERS} create table logs (line text); create view lines as select line from logs; create materialized view totals as select count(*) as users from users;
      grant all on all tables in schema public to public, @app@; grant all on all sequences in schema public to public, @app@; alter default privileges grant all on tables to public;`,
    data: `${PEOPLE}; insert into logs values ('x')`,
    obstacles: ["materialized-view"],
    queries: ["select name from users order by 1", "select line from lines"],
    writes: [["insert into users (name) values ('cid') returning name"]],
  },
  {
    name: "tables-of-the-application",
    trait: "tables that the application's own login owns, so that it could take the wall down",
    setup: "grant @app@ to @former@; grant create on schema public to @app@",
    ddl: `${USERS} alter table users owner to @app@;`,
    data: PEOPLE,
    obstacles: ["owner"],
    queries: ["select name from users order by 1"],
  },
  {
    name: "view-in-a-schema-left-alone",
    trait: "a view over tenants' rows in a schema that is not adopted, open to everyone",
    ddl: `${USERS} create schema reports; create view reports.users as select name from public.users; create view reports.again as select * from reports.users; grant usage on schema reports to public; grant select on all tables in schema reports to public;`,
    data: PEOPLE,
    queries: ["select name from users order by 1", "select name from reports.again order by 1"],
  },
  {
    name: "materialised-view-in-a-schema-left-alone",
    trait: "a materialised view of tenants' rows in a schema that is not adopted, open to everyone",
    ddl: `${USERS} create schema reports; create materialized view reports.users as select name from public.users; grant usage on schema reports to public; grant select on all tables in schema reports to public;`,
    data: PEOPLE,
    after: "refresh materialized view reports.users",
    obstacles: ["materialized-view"],
    queries: ["select name from users order by 1"],
  },
  {
    name: "definer-in-a-schema-left-alone",
    trait: "a SECURITY DEFINER function in a schema that is not adopted, open to everyone",
    ddl: `${USERS} create schema tools; create function tools.names() returns setof text language sql stable security definer set search_path = public as $$ select name from users $$; grant usage on schema tools to public;`,
    data: PEOPLE,
    obstacles: ["security-definer"],
    remedy: "revoke all on function tools.names() from public",
    queries: ["select name from users order by 1"],
  },
  {
    name: "foreign-key-from-a-schema-left-alone",
    trait: "a foreign key from a schema that is not adopted",
    ddl: `create table users (id int primary key, name text); create schema other; create table other.notes (id int primary key, user_id int references public.users);`,
    data: "insert into users values (1, 'ann')",
    obstacles: ["foreign-key"],
    remedy: "alter table other.notes drop constraint notes_user_id_fkey",
    queries: ["select * from users"],
    again: { ids: "same" },
  },
  {
    name: "shared-parent",
    trait:
      "a tenant's table that inherits from one named shared, through which every tenant would read it",
    ddl: "create table things (id serial primary key, name text); create table secrets (body text) inherits (things)",
    data: "insert into secrets (name, body) values ('s', 'b')",
    options: { tables: { things: "shared", secrets: "tenant" } },
    obstacles: ["inheritance"],
    answer: { tables: {} },
    queries: ["select name from things", "select name, body from secrets"],
    writes: [["update things set name = 't'", "select name from secrets"]],
  },
  {
    name: "tenant-parent-of-shared",
    trait: "a shared table that inherits from a tenant's",
    ddl: "create table things (id int, name text); create table defaults () inherits (things); insert into defaults values (1, 'd')",
    data: "insert into things values (2, 't')",
    options: { tables: { defaults: "shared" } },
    obstacles: ["inheritance"],
    queries: ["select name from only things"],
  },
  {
    name: "partition-of-another-kind",
    trait: "a partition named shared, whose table is a tenant's",
    ddl: "create table logs (id int, k int) partition by list (k); create table logs_1 partition of logs for values in (1); create table logs_2 partition of logs for values in (2)",
    data: "insert into logs values (1, 1), (2, 2)",
    options: { tables: { logs_1: "shared" } },
    obstacles: ["inheritance"],
    queries: ["select * from logs order by id"],
  },
  {
    name: "policies-that-bound-others",
    trait: "row security that did not bind the owner, as whom the application ran",
    ddl: `create table docs (id serial primary key, owner text not null, body text); alter table docs enable row level security;
      create policy own on docs to @other@ using (owner = 'other') with check (owner = 'other'); create policy readable on docs for select using (owner <> 'nobody'); grant select, insert on docs to @other@;`,
    data: "insert into docs (owner, body) values ('ann', 'a'), ('other', 'b'), ('nobody', 'c')",
    obstacles: ["policy"],
    remedy:
      "alter table docs disable row level security; drop policy own on docs; drop policy readable on docs",
    queries: ["select owner, body from docs order by 1"],
    writes: [["insert into docs (owner, body) values ('eve', 'e')"]],
  },
  {
    name: "row-security-off",
    trait: "policies that are written and not in force",
    ddl: "create table docs (id serial primary key, owner text not null); create policy own on docs using (owner = 'ann'); create policy strict on docs as restrictive using (owner <> 'bob')",
    data: "insert into docs (owner) values ('ann'), ('bob'), ('cid')",
    obstacles: ["policy"],
    remedy: "drop policy own on docs; drop policy strict on docs",
    queries: ["select owner from docs order by 1"],
    writes: [["update docs set owner = 'x' where owner = 'bob'"]],
  },
  {
    name: "standalone-sequence",
    trait: "sequences that only the application's SQL draws from",
    ddl: "create sequence invoice_numbers start 100; create schema numbers; create sequence numbers.parcels; create table invoices (number bigint primary key)",
    data: "insert into invoices values (nextval('invoice_numbers'))",
    options: { schemas: ["public", "numbers"] },
    queries: [numbered("select number from invoices")],
    writes: [
      [
        "insert into invoices values (nextval('invoice_numbers')) returning number",
        "select nextval('numbers.parcels')",
      ],
    ],
  },
];
