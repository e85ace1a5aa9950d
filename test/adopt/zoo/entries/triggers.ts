import { numbered, type Entry } from "../entry.js";

const AUDIT = `create table audit (id bigserial primary key, tab text not null, op text not null, was jsonb);
  create function record() returns trigger language plpgsql as $$ begin
    insert into audit (tab, op, was) values (tg_table_name, tg_op, case when tg_op = 'INSERT' then null else jsonb_build_object('name', old.name) end);
    return coalesce(new, old); end $$;`;

/** Triggers and rules, which run within the tenant's statement and must not run for adoption's. */
export const triggers: readonly Entry[] = [
  {
    name: "before-triggers",
    trait: "BEFORE triggers that change, refuse and count",
    ddl: `create table docs (id int primary key, name text not null, version int not null default 1, touched date);
      create function touch() returns trigger language plpgsql as $$ begin new.version := old.version + 1; new.touched := '2024-01-01'; return new; end $$;
      create trigger touch before update on docs for each row when (old.* is distinct from new.*) execute function touch();
      create function keep() returns trigger language plpgsql as $$ begin if old.name like 'kept%' then raise exception 'kept' using errcode = 'P0001'; end if; return old; end $$;
      create trigger keep before delete on docs for each row execute function keep();
      create function skip() returns trigger language plpgsql as $$ begin if new.name = 'skip' then return null; end if; return new; end $$; create trigger a_skip before insert on docs for each row execute function skip();`,
    data: "insert into docs (id, name) values (1, 'a'), (2, 'kept b'), (3, 'skip')",
    queries: ["select * from docs order by id"],
    writes: [
      ["update docs set name = 'c' where id = 1 returning *"],
      ["update docs set name = name"],
      ["delete from docs"],
      ["insert into docs (id, name) values (9, 'skip')", "select count(*) from docs"],
    ],
    meanwhile: ["update docs set name = 'meanwhile' where id = 1"],
    again: { ids: "same" },
  },
  {
    name: "audit-trigger",
    trait: "an AFTER trigger that writes to another table, and one that fires for a column",
    ddl: `${AUDIT} create table users (id serial primary key, name text not null, email text);
      create trigger record after insert or update or delete on users for each row execute function record();
      create trigger mail after update of email on users for each row when (new.email is not null) execute function record();`,
    data: "insert into users (name) values ('ann'), ('bob')",
    queries: ["select name from users order by 1", "select tab, op, was from audit order by id"],
    writes: [
      [
        "update users set name = 'anna' where name = 'ann'",
        "select op, was from audit order by id desc limit 1",
      ],
      ["update users set email = 'x'", "select count(*) from audit"],
      ["delete from users where name = 'bob'", "select op, was from audit order by id"],
    ],
    meanwhile: ["insert into users (name) values ('mid')"],
  },
  {
    name: "constraint-trigger",
    trait: "a constraint trigger that waits for the commit",
    ddl: `create table accounts (id int primary key, balance int not null);
      create function balanced() returns trigger language plpgsql as $$ begin if (select sum(balance) from accounts) <> 100 then raise exception 'unbalanced' using errcode = 'check_violation'; end if; return null; end $$;
      create constraint trigger balanced after insert or update or delete on accounts deferrable initially deferred for each row execute function balanced();`,
    data: "insert into accounts values (1, 60), (2, 40)",
    queries: ["select sum(balance) from accounts"],
    writes: [
      [
        "update accounts set balance = balance - 5 where id = 1",
        "update accounts set balance = balance + 5 where id = 2",
      ],
      ["update accounts set balance = 0"],
      ["delete from accounts where id = 1"],
    ],
    again: { ids: "same" },
  },
  {
    name: "statement-trigger",
    trait: "statement triggers with transition tables",
    ddl: `create table items (id serial primary key, amount int not null); create table sums (id serial primary key, op text, rows bigint, total bigint);
      create function tally() returns trigger language plpgsql as $$ begin insert into sums (op, rows, total) select tg_op, count(*), sum(amount) from fresh; return null; end $$;
      create trigger tally_insert after insert on items referencing new table as fresh for each statement execute function tally();
      create trigger tally_update after update on items referencing new table as fresh old table as stale for each statement execute function tally();`,
    data: "insert into items (amount) values (1), (2), (3)",
    queries: ["select op, rows, total from sums order by id"],
    writes: [
      [
        "update items set amount = amount + 1 where amount > 1",
        "select op, rows, total from sums order by id",
      ],
    ],
  },
  {
    name: "trigger-states",
    trait: "triggers that are disabled, ALWAYS and for replicas only",
    ddl: `${AUDIT} create table users (id serial primary key, name text not null); create trigger off after insert on users for each row execute function record(); create trigger always after update on users for each row execute function record();
      create trigger replica after delete on users for each row execute function record(); alter table users disable trigger off; alter table users enable always trigger always; alter table users enable replica trigger replica;`,
    data: "insert into users (name) values ('ann')",
    queries: ["select count(*) from audit"],
    writes: [
      [
        "update users set name = 'x'",
        "delete from users",
        "insert into users (name) values ('y')",
        "select op from audit order by id",
      ],
    ],
  },
  {
    name: "denormalising-trigger",
    trait: "triggers that keep a count in another table, through an upsert",
    ddl: `create table tags (name text primary key, uses int not null default 0); create table posts (id serial primary key, tag text not null);
      create function count_tag() returns trigger language plpgsql as $$ begin insert into tags values (new.tag, 1) on conflict on constraint tags_pkey do update set uses = tags.uses + 1; return new; end $$;
      create trigger count_tag after insert on posts for each row execute function count_tag();`,
    data: "insert into posts (tag) values ('x'), ('y'), ('x')",
    queries: ["select * from tags order by name"],
    writes: [["insert into posts (tag) values ('x'), ('z')", "select * from tags order by name"]],
  },
  {
    name: "assigned-through-parent-with-triggers",
    trait:
      "rows filled by an UPDATE, which the table's own triggers must not take for the application's",
    tenantType: "bigint",
    ddl: `${AUDIT} create table orgs (id bigint primary key, name text);
      create table projects (id serial primary key, org_id bigint not null references orgs, name text not null, version int not null default 1);
      create table tasks (id serial primary key, project_id int not null references projects on delete cascade, name text not null, version int not null default 1);
      create function bump() returns trigger language plpgsql as $$ begin new.version := old.version + 1; return new; end $$;
      create trigger bump before update on tasks for each row execute function bump(); create trigger record after update on tasks for each row execute function record();`,
    data: `insert into orgs values (1, 'o1'), (2, 'o2'); insert into projects (org_id, name) values (1, 'p1'), (2, 'p2'); insert into tasks (project_id, name) select id, 'task of ' || name from projects`,
    options: {
      tables: {
        orgs: { kind: "tenant", column: "id" },
        projects: { kind: "tenant", column: "org_id" },
        tasks: {
          kind: "tenant",
          assign: "select p.org_id from projects p where p.id = tasks.project_id",
        },
      },
    },
    residents: [
      {
        id: "1",
        prune:
          "delete from orgs where id = 2; delete from tasks where project_id in (select id from projects where org_id = 2); delete from projects where org_id = 2",
      },
      {
        id: "2",
        prune:
          "delete from orgs where id = 1; delete from tasks where project_id in (select id from projects where org_id = 1); delete from projects where org_id = 1",
      },
    ],
    queries: [
      "select t.name, t.version, p.name from tasks t join projects p on p.id = project_id order by 1",
      "select count(*) from audit",
    ],
    writes: [
      ["update tasks set name = 'done'", "select name, version from tasks", "select op from audit"],
      [
        "insert into tasks (project_id, name) select id, 'new' from projects",
        "select count(*) from tasks",
      ],
    ],
    again: false,
  },
  {
    name: "table-rules",
    trait: "rules on tables that delete softly, log, and do nothing",
    ddl: `create table notes (id serial primary key, body text, gone boolean not null default false); create table log (id serial primary key, line text);
      create rule soft as on delete to notes do instead update notes set gone = true where id = old.id;
      create rule logged as on insert to notes do also insert into log (line) values ('added ' || new.body);
      create table frozen (id int primary key, name text); create rule no_update as on update to frozen do instead nothing; create rule no_delete as on delete to frozen where old.name = 'x' do instead nothing;`,
    data: "insert into notes (body) values ('a'), ('b'); insert into frozen values (1, 'x'), (2, 'y')",
    queries: [
      "select body, gone from notes order by 1",
      "select line from log order by 1",
      numbered("select * from frozen order by id"),
    ],
    writes: [
      ["delete from notes where body = 'a'", "select body, gone from notes order by 1"],
      ["update frozen set name = 'z'", "delete from frozen", "select * from frozen"],
      ["insert into notes (body) values ('c')", "select line from log order by 1"],
    ],
  },
  {
    name: "rules-by-id",
    trait:
      "rules that look rows up by ids which another tenant has as well, on every event and on a view",
    ddl: `create table orders (id int primary key, note text, amount int not null); create table totals (order_id int primary key, n int not null); create table log (line text);
      create view open_orders as select id, note from orders where amount > 0;
      create rule counted as on insert to orders do also update totals set n = n + 1 where order_id = new.id;
      create rule noted as on update to orders where old.note is distinct from new.note do also insert into log select 'was ' || t.n from totals t where t.order_id = old.id;
      create rule swept as on delete to orders do also (delete from totals where order_id = old.id; notify swept);
      create rule closed as on delete to open_orders do instead update orders set amount = 0 where id = old.id;
      create rule reset as on insert to log where new.line = 'reset' do instead update totals set n = 0;`,
    data: "insert into totals values (1, 1), (2, 1), (3, 1); insert into orders values (1, 'a', 1), (2, 'b', 1), (3, 'c', 1)",
    queries: [
      "select * from orders order by id",
      "select * from totals order by order_id",
      "select line from log order by 1",
      "select * from open_orders order by id",
    ],
    writes: [
      ["update orders set note = 'x' where id = 1", "select line from log order by 1"],
      ["delete from open_orders where id = 2", "select id, amount from orders order by id"],
      ["delete from orders where id = 3", "select order_id from totals order by 1"],
      ["insert into log values ('reset')", "select * from totals order by order_id"],
      [
        "insert into totals values (7, 0)",
        "insert into orders values (7, 'd', 1)",
        "select n from totals where order_id = 7",
      ],
    ],
    meanwhile: [
      "insert into totals values (4, 0)",
      "insert into orders values (4, 'meanwhile', 1)",
    ],
    again: { ids: "same" },
    primaryKeys: { orders: ["tenant_id", "id"], totals: ["tenant_id", "order_id"] },
  },
  {
    name: "rules-past-policies",
    trait:
      "rules on the table of a role with BYPASSRLS, of which those that only insert or do nothing reach nobody",
    setup: "alter role @other@ bypassrls; grant create on schema public to @other@",
    ddl: `create table notes (id int primary key, body text); create table log (line text); create table totals (note_id int primary key, n int not null);
      create rule logged as on insert to notes do also insert into log (line) values ('added ' || new.body);
      create rule kept as on delete to notes do instead nothing;
      create rule counted as on update to notes do also update totals set n = n + 1 where note_id = old.id;
      alter table notes owner to @other@; grant all on log, totals to @other@;`,
    data: "insert into notes values (1, 'a'); insert into totals values (1, 0)",
    queries: ["select * from notes", "select line from log order by 1", "select n from totals"],
    writes: [
      ["insert into notes values (2, 'b')", "select line from log order by 1"],
      ["delete from notes", "select id from notes order by 1"],
    ],
    obstacles: ["rule"],
    remedy: "drop rule counted on notes",
    again: { ids: "same" },
  },
  {
    name: "rule-fired-by-cascade",
    trait: "a rule that ON DELETE CASCADE fires, which PostgreSQL runs under no policy",
    ddl: `create table notes (id int primary key, body text); create table tags (id int primary key, note_id int references notes on delete cascade); create table totals (tag_id int primary key, n int not null);
      create rule swept as on delete to tags do also update totals set n = n - 1 where tag_id = old.id;`,
    data: "insert into notes values (1, 'a'); insert into tags values (1, 1); insert into totals values (1, 1)",
    queries: ["select * from tags", "select n from totals"],
    writes: [["delete from tags", "delete from notes", "select n from totals"]],
    obstacles: ["rule"],
    remedy:
      "alter table tags drop constraint tags_note_id_fkey, add constraint tags_note_id_fkey foreign key (note_id) references notes",
    again: { ids: "same" },
  },
  {
    name: "trigger-fired-by-cascade",
    trait: "a trigger that ON DELETE CASCADE fires, whose function changes rows under no policy",
    ddl: `create table notes (id int primary key, body text); create table tags (id int primary key, note_id int references notes on delete cascade); create table totals (tag_id int primary key, n int not null);
      create function swept() returns trigger language plpgsql as $$ begin update totals set n = n - 1 where tag_id = old.id; return old; end $$;
      create trigger swept before delete on tags for each row execute function swept();`,
    data: "insert into notes values (1, 'a'); insert into tags values (1, 1); insert into totals values (1, 1)",
    queries: ["select * from tags", "select n from totals"],
    writes: [["delete from tags", "delete from notes", "select n from totals"]],
    obstacles: ["trigger-fired-by-foreign-key"],
    remedy:
      "alter table tags drop constraint tags_note_id_fkey, add constraint tags_note_id_fkey foreign key (note_id) references notes",
    again: { ids: "same" },
  },
  {
    name: "rules-on-other-tables",
    trait:
      "rules that write what is not kept apart by tenant, and one that reads what is everybody's",
    ddl: `create table rates (code text primary key, rate int not null); insert into rates values ('x', 2); create table queue (line text);
      create table sales (id int primary key, code text references rates, worth int); create table worths (id int primary key, worth int);
      create rule rated as on insert to sales do also insert into worths select new.id, r.rate from rates r where r.code = new.code;
      create rule queued as on insert to sales do also insert into queue values (new.code);
      create rule raised as on delete to sales do also update rates set rate = rate + 1 where code = old.code;`,
    data: "insert into sales values (1, 'x')",
    options: { tables: { rates: "shared", queue: "unmanaged" } },
    queries: ["select * from worths order by id"],
    writes: [["insert into sales values (2, 'x')", "select * from worths order by id"]],
    obstacles: ["rule", "rule"],
    remedy: "drop rule queued on sales; drop rule raised on sales",
    again: { ids: "same" },
  },
];
