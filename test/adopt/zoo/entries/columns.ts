import { numbered, type Entry } from "../entry.js";

const WIDE = Array.from({ length: 400 }, (_, n) => `c${n} int default ${n}`).join(", ");

/** Columns of every sort. */
export const columns: readonly Entry[] = [
  {
    name: "generated-column",
    trait: "generated columns that are stored",
    ddl: "create table lines (id serial primary key, price numeric not null, amount int not null, total numeric generated always as (price * amount) stored, label text generated always as ('line of ' || amount) stored)",
    data: "insert into lines (price, amount) values (1.5, 2), (3, 1)",
    queries: ["select price, total, label from lines order by total"],
    writes: [
      ["update lines set amount = 10 where price = 3 returning total"],
      ["insert into lines (price, amount, total) values (1, 1, 1)"],
      ["insert into lines (price, amount) values (2, 2) returning total, label"],
    ],
  },
  {
    name: "virtual-column",
    trait: "a generated column that is virtual",
    since: 180_000,
    ddl: "create table lines (id serial primary key, price int not null, double int generated always as (price * 2) virtual)",
    data: "insert into lines (price) values (1), (3)",
    queries: ["select price, double from lines order by 1"],
    writes: [["update lines set price = 5 where double = 6 returning double"]],
  },
  {
    name: "checks",
    trait: "check constraints, named, commented, across columns",
    ddl: `create table spans (id serial primary key, low int check (low >= 0), high int, constraint ordered check (low < high), kind text not null constraint known check (kind in ('a', 'b')) no inherit);
      comment on constraint ordered on spans is 'low before high';`,
    data: "insert into spans (low, high, kind) values (1, 2, 'a'), (null, 2, 'b')",
    queries: ["select low, high, kind from spans"],
    writes: [
      ["insert into spans (low, high, kind) values (2, 1, 'a')"],
      ["insert into spans (low, high, kind) values (-1, 1, 'a')"],
      ["update spans set kind = 'c'"],
    ],
  },
  {
    name: "types",
    trait: "enums, domains, arrays, ranges, composites, json and the rest",
    ddl: `create type mood as enum ('sad', 'ok', 'happy'); create domain positive as int check (value > 0); create type point3 as (x int, y int, z int);
      create table things (id serial primary key, mood mood not null default 'ok', size positive, names text[] default '{}', matrix int[][], data jsonb, raw json, during tstzrange, days int4multirange,
        at point3, bits bit(3), bin bytea, money numeric(12, 4), span interval, ip inet, xs xml, code char(4), born date, flag boolean default false, unique (mood, size));
      create unique index things_names on things (names); create unique index things_at on things (((at).x), ((at).y));`,
    data: `insert into things (mood, size, names, matrix, data, raw, during, days, at, bits, bin, money, span, ip, code, born) values
      ('happy', 1, '{a,"b c",NULL}', '{{1,2},{3,4}}', '{"k": [1, {"x": null}]}', '{"b":1, "a":2}', '[2024-01-01 00:00Z,)', '{[1,3),[7,9)}', '(1,2,3)', b'101', '\\x00ff', 1.5, '1 day 2 hours', '10.0.0.0/8', 'ab', '2000-02-29'),
      ('sad', null, '{}', null, null, null, 'empty', '{}', null, null, null, 'NaN', null, '::1', null, '-infinity')`,
    queries: [
      numbered("select * from things order by mood"),
      "select mood, (at).z, names[2], data -> 'k' -> 1 from things where data ? 'k'",
      "select mood from things where mood > 'ok'",
    ],
    writes: [
      ["insert into things (size) values (0)"],
      ["insert into things (mood, size) values ('happy', 1)"],
      [
        `update things set names = array_append(names, 'd'), at.x = 5, data = jsonb_set(data, '{k,0}', '9') where mood = 'happy' returning names, at, data`,
      ],
      ["insert into things (names) values ('{}')"],
    ],
  },
  {
    name: "wide-table",
    trait: "a table of 400 columns",
    ddl: `create table wide (id int primary key, ${WIDE})`,
    data: "insert into wide (id) values (1), (2)",
    queries: ["select sum(c0 + c399) from wide", "select * from wide where id = 1"],
    writes: [["update wide set c7 = -1 where id = 2 returning c7, c8"]],
    again: { ids: "same" },
  },
  {
    name: "dropped-columns",
    trait: "tables whose columns were dropped and added over the years",
    ddl: `create table old (a int, id int, b text, gone1 int, c text not null default 'c', gone2 text unique, constraint old_pk primary key (id), constraint b_c unique (b, c));
      alter table old drop column a, drop column gone1, drop column gone2; alter table old add column late int default 5, add column later text default 'now';
      create table child (id serial primary key, gone int, old_id int); alter table child drop column gone; alter table child add foreign key (old_id) references old on delete set null;`,
    data: "insert into old (id, b) values (1, 'x'), (2, null); insert into child (old_id) values (1)",
    queries: [
      "select * from old",
      "select b, late, later from old left join child on old_id = old.id order by 1",
    ],
    writes: [
      ["insert into old values (3, 'y')", "insert into old (id, b) values (4, 'x')"],
      ["delete from old where id = 1", "select old_id from child"],
    ],
    again: { ids: "same" },
  },
  {
    name: "names-of-the-wall",
    trait: "columns, tables and functions named like the wall's own",
    ddl: `create table seals (id serial primary key, tenant_uuid uuid, tenant text, current_tenant text, enter text, digest bytea unique, realm text);
      create table partywall_tenant (id int primary key, partywall_app text unique);
      create function tenant_uuid() returns text language sql immutable as $$ select 'mine' $$;
      create function current_tenant() returns text language sql stable as $$ select 'also mine' $$;
      create function enter(bytea) returns text language sql immutable as $$ select 'mine' $$;`,
    data: `insert into seals (tenant_uuid, tenant, current_tenant, digest) values (null, 't', 'c', '\\x01'); insert into partywall_tenant values (1, 'x')`,
    queries: [
      "select tenant_uuid, tenant, current_tenant, enter, realm from seals",
      "select tenant_uuid(), current_tenant(), enter('\\x00')",
      "select * from partywall_tenant",
    ],
    writes: [
      ["update seals set tenant = tenant_uuid() returning tenant"],
      ["insert into seals (digest) values ('\\x01')"],
    ],
    again: {
      data: `insert into seals (tenant_uuid, tenant, current_tenant, digest) values (null, 't', 'c', '\\x01'); insert into partywall_tenant values (1, 'x')`,
    },
  },
  {
    name: "defaults",
    trait: "defaults that call functions, and columns without one",
    ddl: `create function greeting() returns text language sql immutable as $$ select 'hello' $$;
      create table notes (id serial primary key, body text default greeting(), at timestamptz not null default '2020-01-01 00:00Z', who text default current_schema(), n int default (1 + 2), arr int[] default array[1, 2])`,
    data: "insert into notes default values; insert into notes (body) values (default), (null)",
    queries: ["select body, at, who, n, arr from notes"],
    writes: [
      ["insert into notes (body, n) values (default, default) returning body, n"],
      ["update notes set body = default where body is null"],
    ],
  },
  {
    name: "unlogged",
    trait: "an unlogged table with keys from and to logged ones",
    ddl: "create table users (id int primary key, name text); create unlogged table sessions (token text primary key, data text); create unlogged table hits (id serial primary key, user_id int references users, token text references sessions on delete cascade)",
    data: "insert into users values (1, 'ann'); insert into sessions values ('t', 'd'); insert into hits (user_id, token) values (1, 't')",
    queries: [
      "select name, data from hits join users on users.id = user_id join sessions using (token)",
    ],
    writes: [["delete from sessions", "select count(*) from hits"]],
  },
  {
    name: "comments",
    trait: "comments on everything",
    ddl: `create schema remarks; comment on schema remarks is 'a schema'; create type kind as enum ('x'); comment on type kind is 'a type';
      create table a (id int primary key, name text, constraint named unique (name), constraint small check (id < 100)); comment on table a is 'it''s a table'; comment on column a.name is 'a column';
      comment on constraint named on a is 'a unique'; comment on constraint a_pkey on a is 'a key'; comment on constraint small on a is 'a check'; comment on index a_pkey is 'the index of the key'; comment on index named is 'the index of the unique';
      create table b (id serial primary key, a_id int constraint to_a references a, note text); comment on constraint to_a on b is 'a foreign key'; comment on sequence b_id_seq is 'a sequence';
      create unique index b_note on b (note) where note <> ''; comment on index b_note is 'an index';
      create view v as select a.id, max(b.note) as note from a left join b on b.a_id = a.id group by a.id; comment on view v is 'a view'; comment on column v.note is 'of a view';
      create function f() returns trigger language plpgsql as $$ begin return new; end $$; comment on function f() is 'a function'; create trigger t before insert on b for each row execute function f(); comment on trigger t on b is 'a trigger';
      create rule r as on delete to b where old.note = 'kept' do instead nothing; comment on rule r on b is 'a rule';`,
    data: "insert into a values (1, 'x'); insert into b (a_id, note) values (1, 'n')",
    queries: ["select * from v", "select a.name, b.note from a join b on b.a_id = a.id"],
    writes: [
      [
        "insert into b (note) values ('kept')",
        "delete from b where note = 'kept'",
        "select note from b order by 1",
      ],
    ],
  },
  {
    name: "row-type-in-use",
    trait: "a table whose row type is a column of another table",
    ddl: `create table addresses (id serial primary key, street text, city text); create table snapshots (id serial primary key, taken addresses, all_of addresses[]);`,
    data: "insert into addresses (street, city) values ('s', 'c')",
    after: "insert into snapshots (taken) select a from addresses a",
    queries: ["select taken ->> 'street', taken ->> 'city' from snapshots"],
    writes: [
      [
        "update addresses set street = 't'",
        "insert into snapshots (taken) select jsonb_build_object('street', street) from addresses",
        "select taken ->> 'street' from snapshots order by 1",
      ],
    ],
    obstacles: ["row-type", "row-type"],
    remedy:
      "alter table snapshots alter column taken type jsonb using to_jsonb(taken), alter column all_of type jsonb using to_jsonb(all_of)",
    again: {
      data: "insert into addresses (street, city) values ('s', 'c'); insert into snapshots (taken) select to_jsonb(a) from addresses a",
    },
  },
  {
    name: "typed-table",
    trait: "a table of a type, which takes no column of its own",
    ddl: "create type person as (name text, age int); create table people of person (primary key (name))",
    data: "insert into people values ('ann', 3)",
    obstacles: ["typed-table"],
    remedy: "alter table people not of",
    queries: ["select * from people"],
    writes: [
      [
        "insert into people values ('ann', 4) on conflict do nothing",
        "insert into people values ('bob', 4)",
      ],
    ],
    again: { ids: "same" },
  },
];
