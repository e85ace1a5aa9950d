import { numbered, type Entry } from "../entry.js";

/** Foreign keys, whose checks look past row security and so have to name the tenant. */
export const foreignKeys: readonly Entry[] = [
  {
    name: "deferred-foreign-key",
    trait: "foreign keys checked at commit, or when asked to",
    ddl: `create table a (id int primary key, b_id int); create table b (id int primary key, a_id int not null references a deferrable initially deferred);
      alter table a add constraint a_b foreign key (b_id) references b deferrable initially immediate;`,
    data: "insert into a values (1, null), (2, null); insert into b values (1, 1), (2, 2); update a set b_id = id",
    queries: ["select a.id, b.id from a join b on b.a_id = a.id order by 1"],
    writes: [
      ["insert into b values (3, 3)", "insert into a values (3, 3)"],
      ["insert into b values (4, 4)"],
      ["insert into a values (5, 5)"],
      [
        "set constraints a_b deferred",
        "insert into a values (5, 5)",
        "insert into b values (5, 5)",
      ],
    ],
    again: { ids: "same" },
  },
  {
    name: "foreign-key-to-unique",
    trait: "a foreign key to a unique column that is not the primary key",
    ddl: `create table users (id serial primary key, email text not null unique);
      create table invites (id serial primary key, email text references users (email) on update cascade on delete cascade);`,
    data: "insert into users (email) values ('a@x'), ('b@x'); insert into invites (email) values ('a@x'), ('a@x'), (null)",
    queries: [
      "select u.email, count(i.id) from users u left join invites i using (email) group by 1",
    ],
    writes: [
      ["update users set email = 'A@x' where email = 'a@x'", "select email from invites"],
      ["insert into invites (email) values ('c@x')"],
      ["delete from users where email = 'A@x'", "select count(*) from invites"],
    ],
  },
  {
    name: "composite-foreign-key",
    trait: "a foreign key of two columns in another order than the key it points at",
    ddl: `create table versions (doc text, number int, body text, primary key (doc, number));
      create table reviews (id serial primary key, number int, doc text, verdict text, foreign key (number, doc) references versions (number, doc) on delete cascade);
      alter table versions add constraint turned unique (number, doc);`,
    data: "insert into versions values ('d', 1, 'x'), ('d', 2, 'y'); insert into reviews (number, doc, verdict) values (1, 'd', 'ok'), (2, null, 'half')",
    queries: [
      "select doc, number, verdict from versions left join reviews using (doc, number) order by 1, 2",
    ],
    writes: [
      ["insert into reviews (number, doc) values (3, 'd')"],
      ["insert into reviews (number) values (77)"],
      ["delete from versions where number = 1", "select count(*) from reviews"],
    ],
  },
  {
    name: "self-reference",
    trait: "a table that points at itself",
    ddl: "create table employees (id int primary key, name text not null, boss int references employees on delete set null)",
    data: "insert into employees values (1, 'ann', 1), (2, 'bob', 1), (3, 'cid', 2), (4, 'dee', null)",
    queries: [
      "with recursive tree as (select id, name, 0 as depth from employees where boss is null or boss = id union all select e.id, e.name, depth + 1 from employees e join tree t on e.boss = t.id and e.id <> t.id) select name, depth from tree order by depth, name",
    ],
    writes: [
      ["delete from employees where id = 2", "select name, boss from employees order by name"],
      ["insert into employees values (9, 'eve', 10)"],
      ["insert into employees values (9, 'eve', 9)"],
    ],
    again: { ids: "same" },
  },
  {
    name: "self-reference-over-serial",
    trait: "a table with a serial key that points at itself",
    ddl: "create table folders (id serial primary key, name text not null, parent_id int references folders on delete cascade, unique (parent_id, name))",
    data: `insert into folders (name) values ('root'); insert into folders (name, parent_id) select 'a', id from folders where name = 'root';
      insert into folders (name, parent_id) select 'b', id from folders where name = 'a';`,
    queries: [
      "with recursive t as (select id, name as path from folders where parent_id is null union all select f.id, path || '/' || name from folders f join t on f.parent_id = t.id) select path from t order by path",
    ],
    writes: [
      ["insert into folders (name, parent_id) select 'a', parent_id from folders where name = 'a'"],
      ["delete from folders where name = 'a'", "select name from folders"],
    ],
  },
  {
    name: "cyclic-foreign-keys",
    trait: "two tables that point at each other",
    ddl: `create table teams (id serial primary key, name text unique, lead_id int);
      create table members (id serial primary key, team_id int not null references teams on delete cascade, name text not null);
      alter table teams add foreign key (lead_id) references members on delete set null;`,
    data: `insert into teams (name) values ('red'), ('blue'); insert into members (team_id, name) select id, name || ' lead' from teams;
      update teams set lead_id = m.id from members m where m.team_id = teams.id and teams.name = 'red';`,
    queries: [
      "select t.name, m.name from teams t left join members m on m.id = t.lead_id order by 1",
    ],
    writes: [
      [
        "delete from members where name = 'red lead'",
        "select name, lead_id from teams order by name",
      ],
      ["delete from teams where name = 'blue'", "select count(*) from members"],
    ],
  },
  {
    name: "foreign-key-to-shared",
    trait: "a foreign key to a table that all tenants share",
    ddl: `create table countries (code text primary key, name text not null unique); insert into countries values ('de', 'Germany'), ('fr', 'France');
      create table regions (id serial primary key, country text not null references countries, name text); insert into regions (country, name) values ('de', 'Hesse');
      create table addresses (id serial primary key, country text not null references countries, region_id int references regions, line text);`,
    data: "insert into addresses (country, region_id, line) values ('de', 1, 'x'), ('fr', null, 'y')",
    options: { tables: { countries: "shared", regions: { kind: "shared" } } },
    queries: [
      "select c.name, r.name, line from addresses a join countries c on c.code = a.country left join regions r on r.id = a.region_id order by line",
      "select * from countries order by 1",
    ],
    writes: [
      ["insert into addresses (country, line) values ('it', 'z')"],
      [
        "insert into addresses (country, line) values ('fr', 'z')",
        "select count(*) from addresses a natural join (select code as country from countries) c",
      ],
    ],
  },
  {
    name: "shared-that-tenants-write",
    trait: "a shared table that every tenant may write",
    ddl: `create table tags (name text primary key, uses int not null default 0); insert into tags values ('x', 1);
      create table posts (id serial primary key, tag text references tags);`,
    data: "insert into posts (tag) values ('x')",
    options: { tables: { tags: { kind: "shared", writable: true } } },
    queries: ["select tag from posts"],
    writes: [
      [
        "insert into tags values ('y') on conflict (name) do update set uses = tags.uses + 1",
        "insert into posts (tag) values ('y')",
        "select * from tags order by name",
      ],
    ],
  },
  {
    name: "foreign-key-to-unmanaged",
    trait: "tables that are left alone, on both ends of a foreign key",
    ddl: `create table spatial (id int primary key, name text); insert into spatial values (1, 'here');
      create table spots (id serial primary key, spatial_id int references spatial, note text);
      create table unrelated (id int primary key); insert into unrelated values (1);`,
    data: "insert into spots (spatial_id, note) values (1, 'a'), (null, 'b')",
    options: { tables: { spatial: "unmanaged", unrelated: "unmanaged" } },
    queries: ["select note, spatial_id from spots order by note"],
    writes: [
      ["insert into spots (spatial_id) values (2)"],
      ["insert into spots (spatial_id, note) values (1, 'c')"],
    ],
  },
  {
    name: "shared-points-at-kept-key",
    trait: "a shared table that points at tenants' rows by a key which stays",
    ddl: "create table users (id serial primary key, name text); create table banners (id int primary key, author_id int references users on delete set null)",
    data: "insert into users (name) values ('ann')",
    options: { tables: { banners: "shared" } },
    queries: ["select name from users", "select * from banners"],
    writes: [["delete from users"]],
    obstacles: ["foreign-key-into-tenant"],
  },
  {
    name: "shared-points-at-replaced-key",
    trait: "a shared table that points at tenants' rows by a key which tenants share",
    ddl: "create table users (id int primary key, name text); create table banners (id int primary key, author_id int references users)",
    data: "insert into users values (1, 'ann')",
    options: { tables: { banners: "shared" } },
    obstacles: ["foreign-key"],
    queries: ["select name from users"],
  },
  {
    name: "writable-shared-points-at-tenant",
    trait: "a shared table that tenants write, so that each could point it at another's rows",
    ddl: "create table users (id serial primary key, name text); create table likes (id int primary key, user_id int references users)",
    data: "insert into users (name) values ('ann')",
    options: { tables: { likes: { kind: "shared", writable: true } } },
    obstacles: ["foreign-key"],
    queries: ["select name from users"],
  },
  {
    name: "on-delete-set-null",
    trait: "ON DELETE SET NULL, which must not empty the tenant",
    ddl: `create table users (id int primary key, name text); create table tasks (id serial primary key, title text, owner_id int references users on delete set null,
      reviewer_id int, constraint reviewer foreign key (reviewer_id) references users (id) match simple on delete set null deferrable);`,
    data: "insert into users values (1, 'ann'), (2, 'bob'); insert into tasks (title, owner_id, reviewer_id) values ('x', 1, 2), ('y', 2, 1), ('z', null, null)",
    queries: [
      "select title, o.name, r.name from tasks left join users o on o.id = owner_id left join users r on r.id = reviewer_id order by 1",
    ],
    writes: [
      [
        "delete from users where id = 1",
        "select title, owner_id, reviewer_id from tasks order by 1",
      ],
      ["delete from users"],
    ],
  },
  {
    name: "on-delete-set-default",
    trait: "ON DELETE SET DEFAULT",
    ddl: `create table users (id int primary key, name text); create table tasks (id serial primary key, title text, owner_id int not null default 0 references users on delete set default);`,
    data: "insert into users values (0, 'nobody'), (1, 'ann'); insert into tasks (title, owner_id) values ('x', 1), ('y', 0)",
    queries: ["select title, name from tasks join users on users.id = owner_id order by 1"],
    writes: [
      ["delete from users where id = 1", "select title, owner_id from tasks order by 1"],
      ["delete from users where id = 0"],
      ["insert into tasks (title) values ('z')"],
    ],
  },
  {
    name: "on-delete-set-some-null",
    trait: "ON DELETE SET NULL and SET DEFAULT on some columns of the key",
    ddl: `create table slots (day int, hour int, primary key (day, hour));
      create table talks (id serial primary key, title text, day int not null, hour int, foreign key (day, hour) references slots on delete set null (hour));
      create table breaks (id serial primary key, day int, hour int default 9, foreign key (day, hour) references slots on delete set default (hour));`,
    data: "insert into slots values (1, 9), (1, 10), (2, 9); insert into talks (title, day, hour) values ('x', 1, 10), ('y', 2, 9); insert into breaks (day, hour) values (1, 10)",
    queries: ["select title, day, hour from talks order by 1", "select day, hour from breaks"],
    writes: [
      [
        "delete from slots where hour = 10",
        "select title, day, hour from talks order by 1",
        "select day, hour from breaks",
      ],
    ],
  },
  {
    name: "on-delete-restrict",
    trait: "ON DELETE RESTRICT and NO ACTION, told apart by when they are checked",
    ddl: `create table a (id int primary key); create table b (id int primary key, a_id int references a on delete restrict on update restrict);
      create table c (id int primary key, a_id int references a on delete no action deferrable initially deferred);`,
    data: "insert into a values (1), (2), (3); insert into b values (1, 1); insert into c values (1, 2)",
    queries: [
      "select a.id, b.id, c.id from a left join b on b.a_id = a.id left join c on c.a_id = a.id order by 1",
    ],
    writes: [
      ["delete from a where id = 1"],
      ["delete from a where id = 2", "insert into a values (2)"],
      ["delete from a where id = 2"],
      ["update a set id = 10 where id = 1"],
      ["update a set id = 30 where id = 3"],
    ],
    again: { ids: "same" },
  },
  {
    name: "on-update-cascade",
    trait: "ON UPDATE CASCADE through two tables",
    ddl: `create table regions (code text primary key); create table cities (code text, region text references regions on update cascade on delete cascade, primary key (region, code));
      create table streets (id serial primary key, region text, city text, foreign key (region, city) references cities (region, code) on update cascade on delete set null);`,
    data: "insert into regions values ('n'), ('s'); insert into cities values ('x', 'n'), ('x', 's'); insert into streets (region, city) values ('n', 'x'), ('s', 'x')",
    queries: ["select region, city from streets order by 1"],
    writes: [
      [
        "update regions set code = 'north' where code = 'n'",
        "select region, city from streets order by 1",
      ],
      ["update cities set code = 'y'", "select region, city from streets order by 1"],
      ["delete from regions where code = 's'", "select region, city from streets order by 1"],
    ],
  },
  {
    name: "on-update-set-null",
    trait: "ON UPDATE SET NULL, which would empty the tenant too and knows no column list",
    ddl: "create table a (id int primary key); create table b (id int primary key, a_id int constraint b_a references a on update set null on delete cascade)",
    data: "insert into a values (1), (2); insert into b values (1, 1), (2, 2)",
    queries: ["select * from b order by id"],
    writes: [
      ["update a set id = 10 where id = 1"],
      ["delete from a where id = 2", "select count(*) from b"],
    ],
    obstacles: ["on-update"],
    remedy:
      "alter table b drop constraint b_a, add constraint b_a foreign key (a_id) references a on update restrict on delete cascade",
    again: { ids: "same" },
  },
  {
    name: "match-full-of-one",
    trait: "MATCH FULL on one column, which means what MATCH SIMPLE means",
    ddl: "create table a (id int primary key); create table b (id serial primary key, a_id int references a match full on delete cascade)",
    data: "insert into a values (1), (2); insert into b (a_id) values (1), (null)",
    queries: ["select a_id from b"],
    writes: [
      ["insert into b (a_id) values (3)"],
      ["insert into b (a_id) values (null)"],
      ["delete from a where id = 1", "select a_id from b"],
    ],
    differs: { "constraint public.b.b_a_id_fkey": "a tenant beside a null is no MATCH FULL" },
  },
  {
    name: "match-full-of-two",
    trait: "MATCH FULL on two columns, where a half key is refused",
    ddl: "create table a (x int, y int, primary key (x, y)); create table b (id serial primary key, x int, y int, constraint whole_key foreign key (x, y) references a match full)",
    data: "insert into a values (1, 1), (1, 2); insert into b (x, y) values (1, 1), (null, null)",
    queries: ["select x, y from b"],
    writes: [
      ["insert into b (x, y) values (1, null)"],
      ["insert into b (x, y) values (null, null)"],
    ],
    errors: { "23503 whole_key": "23514 whole_key_whole" },
    differs: {
      "constraint public.b.whole_key": "a tenant beside two nulls is no MATCH FULL",
      "constraint public.b.whole_key_whole": "a check refuses the half key instead",
    },
  },
  {
    name: "not-valid-foreign-key",
    trait: "a foreign key that some old rows break",
    ddl: "create table a (id int primary key); create table b (id serial primary key, a_id int)",
    data: "insert into a values (1); insert into b (a_id) values (1), (404)",
    after:
      "alter table b add constraint half foreign key (a_id) references a not valid; alter table b add constraint positive check (a_id < 100) not valid",
    queries: [
      numbered("select b.a_id, a.id from b left join a on a.id = b.a_id order by 1"),
      "select count(*) from a",
    ],
    writes: [
      ["insert into b (a_id) values (405)"],
      ["insert into b (a_id) values (5)"],
      ["delete from a where id = 1"],
      ["update b set id = id where a_id = 404"],
    ],
    again: { data: "insert into a values (1); insert into b (a_id) values (1)" },
  },
  {
    name: "not-enforced",
    trait: "constraints that are written down and not enforced",
    since: 180_000,
    ddl: "create table a (id int primary key); create table b (id serial primary key, a_id int, constraint told foreign key (a_id) references a not enforced, constraint small check (a_id < 10) not enforced)",
    data: "insert into a values (1); insert into b (a_id) values (1), (404)",
    queries: ["select a_id from b order by 1"],
    writes: [["insert into b (a_id) values (405)"], ["delete from a"]],
  },
  {
    name: "two-foreign-keys-of-one-column",
    trait: "a column in two foreign keys, and the same key said twice",
    ddl: `create table orgs (id serial primary key, name text); create table users (id serial primary key, org_id int not null references orgs, name text, unique (org_id, id));
      create table posts (id serial primary key, org_id int not null references orgs on delete cascade, author_id int, title text,
        constraint author_of_org foreign key (org_id, author_id) references users (org_id, id), constraint author foreign key (author_id) references users (id), constraint author_again foreign key (author_id) references users (id));`,
    data: `insert into orgs (name) values ('o'), ('p'); insert into users (org_id, name) select id, 'u' || name from orgs;
      insert into posts (org_id, author_id, title) select org_id, id, 'by ' || name from users;`,
    queries: [
      "select o.name, u.name, title from posts p join orgs o on o.id = p.org_id join users u on u.id = author_id order by 1",
    ],
    writes: [
      [
        "insert into posts (org_id, author_id) select o.id, u.id from orgs o, users u where o.id <> u.org_id",
      ],
      ["update posts set author_id = null where title = 'by uo'"],
      ["delete from orgs where name = 'p'"],
    ],
  },
  {
    name: "long-chain",
    trait: "cascades through six tables",
    ddl: `create table l1 (id serial primary key, name text); create table l2 (id serial primary key, up int references l1 on delete cascade);
      create table l3 (id serial primary key, up int references l2 on delete cascade); create table l4 (id serial primary key, up int references l3 on delete cascade);
      create table l5 (id serial primary key, up int references l4 on delete cascade); create table l6 (id serial primary key, up int references l5 on delete set null);`,
    data: `insert into l1 (name) values ('a'), ('b'); insert into l2 (up) select id from l1; insert into l3 (up) select id from l2; insert into l4 (up) select id from l3;
      insert into l5 (up) select id from l4; insert into l6 (up) select id from l5;`,
    queries: [
      "select name, count(l6.id) from l1 join l2 on l2.up = l1.id join l3 on l3.up = l2.id join l4 on l4.up = l3.id join l5 on l5.up = l4.id join l6 on l6.up = l5.id group by 1",
    ],
    writes: [["delete from l1 where name = 'a'", "select count(*), count(up) from l6"]],
  },
  {
    name: "foreign-key-of-a-generated-column",
    trait: "foreign keys from and to generated columns",
    ddl: `create table products (id serial primary key, name text not null, slug text generated always as (lower(name)) stored unique);
      create table links (id serial primary key, url text not null, slug text generated always as (split_part(url, '/', 2)) stored references products (slug));`,
    data: "insert into products (name) values ('A'), ('B'); insert into links (url) values ('x/a'), ('y/a')",
    queries: [
      "select name, count(url) from products left join links using (slug) group by 1 order by 1",
    ],
    writes: [
      ["insert into links (url) values ('x/c')"],
      ["delete from products where slug = 'a'"],
      ["delete from products where slug = 'b'"],
    ],
  },
  {
    name: "one-to-one-both-ways",
    trait: "two tables whose primary keys point at each other's, checked at commit",
    ddl: `create table husks (id int primary key); create table cores (id int primary key references husks on delete cascade deferrable initially deferred); alter table husks add constraint has_core foreign key (id) references cores deferrable initially deferred;`,
    data: "insert into husks values (1), (2); insert into cores values (1), (2)",
    queries: ["select * from husks natural join cores order by 1"],
    writes: [
      ["insert into husks values (3)"],
      ["insert into husks values (3)", "insert into cores values (3)"],
      ["delete from cores where id = 1", "delete from husks where id = 1"],
    ],
    again: { ids: "same" },
    primaryKeys: { husks: ["tenant_id", "id"], cores: ["tenant_id", "id"] },
  },
  {
    name: "actions-through-two-ways",
    trait: "a row that is reached by a cascade on two ways, one of which sets it null",
    ddl: `create table orgs (id int primary key); create table teams (id int primary key, org_id int not null references orgs on delete cascade);
      create table people (id int primary key, org_id int not null references orgs on delete cascade, team_id int references teams on delete set null, boss int references people on delete set null);`,
    data: "insert into orgs values (1), (2); insert into teams values (1, 1), (2, 1), (3, 2); insert into people values (1, 1, 1, null), (2, 1, 2, 1), (3, 2, 3, 1)",
    queries: ["select * from people order by id"],
    writes: [
      ["delete from teams where id = 1", "select * from people order by id"],
      ["delete from orgs where id = 1", "select * from people order by id"],
    ],
    again: { ids: "same" },
  },
];
