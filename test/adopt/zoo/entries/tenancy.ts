import { numbered, type Entry } from "../entry.js";

const ONE = "00000000-0000-4000-8000-000000000001";
const TWO = "00000000-0000-4000-8000-000000000002";

/** Schemas that know something of tenants already. */
export const tenancy: readonly Entry[] = [
  {
    name: "tenant-column-with-nulls",
    trait: "a tenant column that was begun, null in old rows, beside tables without one",
    ddl: `create table users (id serial primary key, tenant_id uuid, name text not null, email text unique); create index users_tenant on users (tenant_id);
      create table posts (id serial primary key, user_id int references users on delete cascade, title text);`,
    data: "insert into users (name, email) values ('ann', 'a@x'), ('bob', 'b@x'); insert into posts (user_id, title) select id, 'by ' || name from users",
    after: "update users set tenant_id = '00000000-0000-4000-8000-00000000000a' where name = 'bob'",
    queries: ["select name, title from users join posts on user_id = users.id order by 1"],
    writes: [
      ["insert into users (name, email) values ('cid', 'a@x')"],
      ["delete from users where name = 'ann'", "select title from posts"],
    ],
    meanwhile: ["insert into users (name) values ('mid')"],
  },
  {
    name: "tenant-column-of-two-tenants",
    trait: "an org_id that is the tenant, with two tenants' rows in the tables",
    tenantType: "bigint",
    ddl: `create table orgs (id bigint primary key, name text not null); insert into orgs values (1, 'one'), (2, 'two');
      create table users (id serial primary key, org_id bigint not null references orgs, email text not null, unique (org_id, email)); create table posts (id serial primary key, org_id bigint not null, user_id int not null references users, slug text not null unique);
      create index posts_org on posts (org_id);`,
    data: `insert into users (org_id, email) values (1, 'a@x'), (2, 'a@x'), (2, 'b@x'); insert into posts (org_id, user_id, slug) select org_id, id, org_id || email from users`,
    options: {
      tables: {
        orgs: "shared",
        users: { kind: "tenant", column: "org_id" },
        posts: { kind: "tenant", column: "org_id" },
      },
    },
    residents: [
      {
        id: "1",
        prune: "delete from users where org_id <> 1; delete from posts where org_id <> 1",
      },
      {
        id: "2",
        prune: "delete from users where org_id <> 2; delete from posts where org_id <> 2",
      },
    ],
    queries: [
      "select email, slug from users join posts on user_id = users.id order by 1",
      "select count(*) from posts",
    ],
    writes: [
      ["insert into users (org_id, email) values (1, 'c@x') returning email"],
      ["insert into users (org_id, email) values (1, 'a@x')"],
      ["update posts set slug = '2b@x'", "select slug from posts"],
      ["delete from posts", "delete from users"],
    ],
    again: false,
  },
  {
    name: "tenant-through-a-parent",
    trait: "tables whose tenant is found by following a foreign key, over two steps",
    tenantType: "bigint",
    ddl: `create table projects (id serial primary key, org_id bigint not null, name text); create table tasks (id serial primary key, project_id int not null references projects on delete cascade, title text, unique (title));
      create table notes (id uuid primary key default gen_random_uuid(), task_id int references tasks on delete cascade, body text); create table free_notes (body text, project_id int);`,
    data: `insert into projects (org_id, name) values (1, 'p'), (2, 'q'), (1, 'r'); insert into tasks (project_id, title) select id, 'task ' || name from projects;
      insert into notes (task_id, body) select id, 'on ' || title from tasks; insert into free_notes select 'n' || id, id from projects`,
    options: {
      tables: {
        projects: { kind: "tenant", column: "org_id" },
        tasks: {
          kind: "tenant",
          assign: "(select p.org_id from projects p where p.id = tasks.project_id)",
        },
        notes: {
          kind: "tenant",
          assign:
            "select p.org_id from tasks t join projects p on p.id = t.project_id where t.id = notes.task_id",
        },
        free_notes: {
          kind: "tenant",
          assign: "select p.org_id from projects p where p.id = project_id",
        },
      },
    },
    residents: [
      {
        id: "1",
        prune:
          "delete from notes where body = 'on task q'; delete from tasks where title = 'task q'; delete from free_notes where project_id = (select id from projects where name = 'q'); delete from projects where org_id = 2",
      },
      {
        id: "2",
        prune:
          "delete from notes where body <> 'on task q'; delete from tasks where title <> 'task q'; delete from free_notes where project_id <> (select id from projects where name = 'q'); delete from projects where org_id = 1",
      },
    ],
    queries: [
      "select p.name, t.title, n.body from projects p join tasks t on t.project_id = p.id left join notes n on n.task_id = t.id order by 1, 2",
      "select count(*) from free_notes",
    ],
    writes: [
      ["insert into tasks (project_id, title) select id, 'new' from projects where name = 'p'"],
      ["delete from projects where name = 'p'", "select count(*) from notes"],
    ],
    meanwhile: [
      "insert into tasks (project_id, title) select id, 'meanwhile' from projects where name = 'r'",
    ],
    again: false,
  },
  {
    name: "tenant-id-of-another-meaning",
    trait: "a tenant_id that means who rents a flat, so the wall's column has another name",
    ddl: "create table tenants (id serial primary key, name text); create table flats (id int primary key, tenant_id int references tenants on delete set null, door text unique)",
    data: "insert into tenants (name) values ('ann'), ('bob'); insert into flats select row_number() over (order by id), id, 'door of ' || name from tenants",
    obstacles: ["tenant-column-type"],
    answer: { column: "landlord_id" },
    queries: [
      "select door, name from flats left join tenants on tenants.id = tenant_id order by 1",
    ],
    writes: [
      ["delete from tenants where name = 'ann'", "select door, tenant_id from flats order by 1"],
      ["insert into flats values (1, null, 'again')"],
    ],
    primaryKeys: { flats: ["landlord_id", "id"] },
  },
  {
    name: "tenant-column-with-default",
    trait: "a complete tenant column with a default, in keys and foreign keys already",
    ddl: `create table users (tenant_id uuid not null default '00000000-0000-4000-8000-00000000000a', id int, name text, primary key (tenant_id, id), unique (name, tenant_id));
      create table posts (id serial primary key, tenant_id uuid not null default '00000000-0000-4000-8000-00000000000a', user_id int, constraint by_user foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade, slug text unique);`,
    data: "insert into users (id, name) values (1, 'ann'), (2, 'bob'); insert into posts (user_id, slug) values (1, 's'), (2, 't')",
    queries: [
      "select name, slug from users u join posts p on (p.tenant_id, p.user_id) = (u.tenant_id, u.id) order by 1",
    ],
    writes: [
      ["insert into posts (user_id) values (3)"],
      ["delete from users where id = 1", "select slug from posts"],
      [
        "insert into users (id, name) values (2, 'x') on conflict (tenant_id, id) do update set name = 'x' returning name",
      ],
    ],
  },
  {
    name: "policies-of-the-application",
    trait: "row security that the application had already, forced upon its owner",
    ddl: `create table docs (id serial primary key, owner text not null, secret boolean not null default false, body text); alter table docs enable row level security; alter table docs force row level security;
      create policy readable on docs for select using (not secret); create policy writable on docs for all using (owner <> 'nobody') with check (length(body) > 0);
      create policy never on docs as restrictive for delete using (body <> 'kept');`,
    data: "insert into docs (owner, body) values ('ann', 'a'), ('nobody', 'kept'), ('bob', 'kept')",
    after: "insert into docs (owner, secret, body) values ('nobody', true, 'hidden')",
    queries: ["select owner, body from docs order by 1, 2"],
    writes: [
      ["insert into docs (owner, body) values ('dee', '')"],
      ["delete from docs", "select owner from docs order by 1"],
      ["update docs set body = 'b' where owner = 'nobody'"],
    ],
    errors: { "42501": "PW_WRITE_MISMATCH 42501" },
  },
  {
    name: "another-owner",
    trait: "a table that belongs to another role, and grants to others",
    ddl: `create table mine (id serial primary key, name text unique); create table theirs (id serial primary key, mine_id int references mine, note text); grant select, insert, update, delete, references on all tables in schema public to @other@; grant usage on all sequences in schema public to @other@; grant create, usage on schema public to @other@;
      alter table theirs owner to @other@; alter sequence theirs_id_seq owner to @other@; grant select (name) on mine to @other@; grant all on mine to public;`,
    data: "insert into mine (name) values ('a'); insert into theirs (mine_id, note) select id, 'n' from mine",
    queries: ["select name, note from mine left join theirs on mine_id = mine.id"],
    writes: [
      ["insert into theirs (mine_id) values (99)"],
      ["insert into mine (name) values ('a')"],
      ["insert into theirs (note) values ('m') returning note"],
    ],
  },
  {
    name: "everything-shared",
    trait: "a schema where nothing is a tenant's but what is named",
    ddl: "create table plans (name text primary key); insert into plans values ('free'); create table countries (code text primary key); insert into countries values ('de'); create table accounts (id serial primary key, plan text references plans, name text unique)",
    data: "insert into accounts (plan, name) values ('free', 'a')",
    options: { otherwise: "shared", tables: { accounts: "tenant" } },
    queries: [
      "select * from plans",
      "select name, plan from accounts",
      "select code from countries",
    ],
    writes: [
      ["insert into accounts (plan) values ('pro')"],
      ["insert into accounts (plan, name) values ('free', 'b')"],
    ],
  },
  {
    name: "two-unequal-tenants",
    trait: "uuid tenants in the data, in tables that do and do not have the column",
    ddl: `create table workspaces (id uuid primary key, slug text not null unique); create table members (workspace_id uuid not null references workspaces on delete cascade, email text not null, primary key (workspace_id, email)); create table invites (id serial primary key, workspace_id uuid references workspaces, email text not null unique);`,
    data: `insert into workspaces values ('${ONE}', 'one'), ('${TWO}', 'two'); insert into members values ('${ONE}', 'a@x'), ('${TWO}', 'a@x'), ('${TWO}', 'b@x'); insert into invites (workspace_id, email) values ('${ONE}', 'i@x'), ('${TWO}', 'j@x')`,
    options: {
      tables: {
        workspaces: { kind: "tenant", column: "id" },
        members: { kind: "tenant", column: "workspace_id" },
        invites: { kind: "tenant", column: "workspace_id" },
      },
    },
    residents: [
      {
        id: ONE,
        prune: `delete from workspaces where id <> '${ONE}'; delete from members where workspace_id <> '${ONE}'; delete from invites where workspace_id <> '${ONE}'`,
      },
      {
        id: TWO,
        prune: `delete from workspaces where id <> '${TWO}'; delete from members where workspace_id <> '${TWO}'; delete from invites where workspace_id <> '${TWO}'`,
      },
    ],
    queries: [
      "select slug, count(*) from workspaces w join members m on m.workspace_id = w.id group by 1",
      "select email from invites order by 1",
    ],
    writes: [
      [`insert into members (workspace_id, email) values ('${ONE}', 'c@x') returning email`],
      [`insert into invites (workspace_id, email) values ('${ONE}', 'j@x')`],
      ["update workspaces set slug = 'two'"],
      ["delete from members"],
    ],
    again: false,
  },
  {
    name: "varchar-tenant-column",
    trait: "a tenant column that is a varchar, and comes last in its keys",
    tenantType: "text",
    ddl: `create table users (id int, org varchar(20) not null, name text, primary key (id, org), unique (name, org)); create table posts (id serial primary key, user_id int, org varchar(20) not null, foreign key (user_id, org) references users (id, org) on delete cascade, slug text unique);`,
    data: "insert into users values (1, 'first', 'ann'), (2, 'first', 'bob'); insert into posts (user_id, org, slug) values (1, 'first', 's')",
    options: { column: "org" },
    queries: [
      "select name, slug from users u left join posts p on p.user_id = u.id and p.org = u.org order by 1",
    ],
    writes: [
      ["insert into posts (user_id, org) values (7, 'first')"],
      ["delete from users where id = 1", "select count(*) from posts"],
    ],
    again: {
      data: "insert into users (id, name) values (1, 'ann'), (2, 'bob'); insert into posts (user_id, slug) values (1, 's')",
    },
  },
  {
    name: "set-null-over-the-tenant-column",
    trait:
      "foreign keys that name the tenant already and would empty it, or take it for a half key",
    ddl: `create table users (tenant_id uuid, id int, name text, unique (tenant_id, id)); create table posts (id serial primary key, tenant_id uuid, author int, editor int, reviewer int,
      constraint of_author foreign key (tenant_id, author) references users (tenant_id, id) on delete set null,
      constraint of_editor foreign key (tenant_id, editor) references users (tenant_id, id) on delete cascade on update cascade,
      constraint of_reviewer foreign key (tenant_id, reviewer) references users (tenant_id, id) match full);`,
    data: "insert into users values ('00000000-0000-4000-8000-00000000000a', 1, 'ann'), ('00000000-0000-4000-8000-00000000000a', 2, 'bob'); insert into posts (author) values (null)",
    after:
      "insert into posts (tenant_id, author, editor, reviewer) values ('00000000-0000-4000-8000-00000000000a', 1, 2, 2)",
    queries: [
      numbered("select author, editor, reviewer from posts order by id"),
      "select name from users order by 1",
    ],
    writes: [["delete from users where id = 1", "select author, editor from posts order by 2"]],
    again: false,
    obstacles: ["foreign-key-over-tenant", "foreign-key-over-tenant"],
  },
  {
    name: "generated-tenant-column",
    trait: "a tenant column that is computed from another",
    tenantType: "text",
    ddl: "create table docs (id serial primary key, path text not null, tenant_id text generated always as (split_part(path, '/', 1)) stored)",
    data: "insert into docs (path) values ('first/a'), ('first/b')",
    obstacles: ["tenant-column-generated"],
    answer: { column: "owner_tenant" },
    queries: ["select path, tenant_id from docs order by 1"],
    writes: [["insert into docs (path) values ('x/y') returning tenant_id"]],
  },
  {
    name: "partly-indexed-tenant-column",
    trait: "a tenant column whose only indexes cover some rows, or cannot be looked up in order",
    ddl: `create table users (id serial primary key, tenant_id uuid not null default '00000000-0000-4000-8000-00000000000a', name text, gone boolean not null default false); create index users_alive on users (tenant_id) where not gone;
      create table posts (id serial primary key, tenant_id uuid not null default '00000000-0000-4000-8000-00000000000a', slug text); create index posts_hash on posts using hash (tenant_id); create unique index posts_slug on posts (tenant_id, slug) where slug <> '';`,
    data: "insert into users (name, gone) values ('ann', false), ('bob', true); insert into posts (slug) values ('s')",
    queries: ["select name from users order by 1", "select slug from posts"],
    writes: [["insert into posts (slug) values ('s')"], ["delete from users where gone"]],
  },
  {
    name: "tenants-of-their-own-table",
    trait:
      "the table of the tenants themselves, whose key is made by the database and is the tenant column",
    tenantType: "bigint",
    ddl: `create table orgs (id bigserial primary key, name text not null unique); create table teams (id serial primary key, org_id bigint not null references orgs on delete cascade, name text not null, unique (org_id, name));`,
    data: "insert into orgs (name) values ('one'), ('two'); insert into teams (org_id, name) values (1, 'x'), (2, 'x'), (2, 'y')",
    options: {
      tables: {
        orgs: { kind: "tenant", column: "id" },
        teams: { kind: "tenant", column: "org_id" },
      },
    },
    residents: [
      { id: "1", prune: "delete from orgs where id <> 1; delete from teams where org_id <> 1" },
      { id: "2", prune: "delete from orgs where id <> 2; delete from teams where org_id <> 2" },
    ],
    queries: ["select o.name, t.name from orgs o join teams t on t.org_id = o.id order by 1, 2"],
    writes: [
      ["insert into teams (org_id, name) values (1, 'z')", "update orgs set name = 'uno'"],
      ["insert into teams (org_id, name) values (1, 'x')"],
      ["delete from orgs"],
    ],
    again: false,
  },
  {
    name: "tenants-numbered-by-identity",
    trait:
      "the table of the tenants themselves, whose key is an identity that takes no other default",
    tenantType: "bigint",
    ddl: `create table orgs (id bigint primary key generated always as identity, name text not null unique); create table teams (id serial primary key, org_id bigint not null references orgs, name text);`,
    data: "insert into orgs (name) values ('one'), ('two'); insert into teams (org_id, name) values (1, 'x'), (2, 'y')",
    options: {
      tables: {
        orgs: { kind: "tenant", column: "id" },
        teams: { kind: "tenant", column: "org_id" },
      },
    },
    residents: [
      { id: "1", prune: "delete from orgs where id <> 1; delete from teams where org_id <> 1" },
      { id: "2", prune: "delete from orgs where id <> 2; delete from teams where org_id <> 2" },
    ],
    obstacles: ["tenant-column-generated"],
    remedy: "alter table orgs alter column id drop identity",
    queries: ["select o.name, t.name from orgs o join teams t on t.org_id = o.id order by 1, 2"],
    writes: [["insert into teams (org_id, name) values (1, 'z')"]],
    again: false,
  },
  {
    name: "partitioned-by-tenant",
    trait: "tables partitioned by the tenant column, by list and by hash",
    tenantType: "bigint",
    ddl: `create table events (id bigint generated by default as identity, org_id bigint not null, kind text, primary key (org_id, id)) partition by list (org_id); create table events_1 partition of events for values in (1); create table events_2 partition of events for values in (2); create table events_rest partition of events default;
      create table marks (id int, org_id bigint not null, event_id bigint, primary key (id, org_id), foreign key (org_id, event_id) references events on delete cascade) partition by hash (org_id); create table marks_0 partition of marks for values with (modulus 2, remainder 0); create table marks_1 partition of marks for values with (modulus 2, remainder 1);`,
    since: 170_000,
    data: "insert into events (id, org_id, kind) values (1, 1, 'a'), (1, 2, 'b'), (2, 2, 'c'); insert into marks values (1, 1, 1), (1, 2, 1), (2, 2, 2)",
    options: { column: "org_id" },
    residents: [
      {
        id: "1",
        prune: "delete from events where org_id <> 1; delete from marks where org_id <> 1",
      },
      {
        id: "2",
        prune: "delete from events where org_id <> 2; delete from marks where org_id <> 2",
      },
    ],
    mended: "select setval('events_id_seq', 2)",
    queries: [
      "select e.kind, m.id from events e join marks m on m.org_id = e.org_id and m.event_id = e.id order by 1",
      "select count(*) from events_1",
      "select count(*) from events_2",
    ],
    writes: [
      ["insert into marks values (3, 1, 9)"],
      ["delete from events where id = 1", "select count(*) from marks"],
    ],
    again: false,
  },
];
