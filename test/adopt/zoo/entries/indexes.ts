import type { Entry } from "../entry.js";

/** Indexes and unique constraints, each with something that is easily lost when they are built anew. */
export const indexes: readonly Entry[] = [
  {
    name: "unique-constraint",
    trait: "unique constraints, one of several columns",
    ddl: "create table users (id serial primary key, email text not null unique, first text, last text, constraint full_name unique (first, last))",
    data: "insert into users (email, first, last) values ('a@x', 'ann', 'a'), ('b@x', 'bob', null), ('c@x', 'bob', null)",
    queries: ["select email, first, last from users order by email"],
    writes: [
      ["insert into users (email) values ('a@x')"],
      ["insert into users (email, first, last) values ('d@x', 'ann', 'a')"],
      ["insert into users (email, first) values ('d@x', 'bob') returning email"],
      [
        "insert into users (email) values ('a@x') on conflict on constraint users_email_key do update set first = 'anna' returning first",
      ],
      ["insert into users (email) values ('a@x') on conflict do nothing"],
    ],
  },
  {
    name: "unique-index",
    trait: "unique indexes without a constraint, one of them said twice",
    ddl: `create table users (id int primary key generated always as identity, email text not null, handle text);
      create unique index users_email on users (email); create unique index users_email_again on users (email);
      create unique index users_handle on users (handle);`,
    data: "insert into users (email, handle) values ('a@x', 'a'), ('b@x', null), ('c@x', null)",
    queries: ["select email from users where handle is null order by 1"],
    writes: [
      ["insert into users (email) values ('a@x')"],
      ["update users set handle = 'a' where email = 'b@x'"],
    ],
    meanwhile: ["insert into users (email, handle) values ('m@x', 'm')"],
  },
  {
    name: "partial-unique-index",
    trait: "a unique index over some rows",
    ddl: `create table slugs (id serial primary key, slug text not null, deleted_at date);
      create unique index slugs_alive on slugs (slug) where deleted_at is null;
      create table jobs (id serial primary key, queue text not null, state text not null);
      create unique index one_running on jobs (queue) where state = 'running' and queue <> 'any';
      create unique index only_one_leader on jobs ((true)) where state = 'leader';`,
    data: `insert into slugs (slug, deleted_at) values ('a', null), ('a', '2020-01-01'), ('b', null);
      insert into jobs (queue, state) values ('q', 'running'), ('q', 'done'), ('any', 'running'), ('any', 'running'), ('x', 'leader');`,
    queries: [
      "select slug, deleted_at from slugs order by 1, 2",
      "select queue, state, count(*) from jobs group by 1, 2",
    ],
    writes: [
      ["insert into slugs (slug) values ('a')"],
      [
        "update slugs set deleted_at = '2021-01-01' where slug = 'a'",
        "insert into slugs (slug) values ('a') returning slug",
      ],
      ["update slugs set deleted_at = null"],
      ["insert into jobs (queue, state) values ('r', 'leader')"],
      ["insert into jobs (queue, state) values ('q', 'running')"],
    ],
  },
  {
    name: "expression-unique-index",
    trait: "unique indexes over expressions",
    ddl: `create table users (id serial primary key, email text not null, born date, data jsonb not null default '{}');
      create unique index users_lower_email on users (lower(email));
      create unique index users_code on users ((data ->> 'code'), born);
      create unique index users_mixed on users (born desc, (lower(email) || '!') text_pattern_ops);`,
    data: `insert into users (email, born, data) values ('Ann@x', '2000-01-01', '{"code": "1"}'), ('bob@x', '2000-01-01', '{"code": "2"}'), ('cid@x', null, '{}')`,
    queries: [
      "select email, data ->> 'code' from users where lower(email) = 'ann@x'",
      "select count(distinct born) from users",
    ],
    writes: [
      ["insert into users (email) values ('ANN@x')"],
      [`insert into users (email, born, data) values ('d@x', '2000-01-01', '{"code": "1"}')`],
      ["insert into users (email) values ('D@x') returning lower(email)"],
    ],
  },
  {
    name: "covering-unique-index",
    trait: "unique keys with columns behind INCLUDE",
    ddl: `create table users (id int, email text, name text, primary key (id) include (name), constraint by_email unique (email) include (id, name));
      create unique index covering on users (name) include (email) where name is not null;`,
    data: "insert into users values (1, 'a@x', 'ann'), (2, 'b@x', null)",
    queries: ["select * from users where email = 'a@x'"],
    writes: [
      ["insert into users values (3, 'a@x', null)"],
      ["insert into users values (3, 'c@x', 'ann')"],
      ["insert into users values (3, 'c@x', null)"],
    ],
    again: { ids: "same" },
  },
  {
    name: "nulls-not-distinct",
    trait: "unique keys that take two nulls for the same",
    ddl: `create table settings (id serial primary key, owner int, name text, constraint one_value unique nulls not distinct (owner, name));
      create unique index one_null on settings (owner) nulls not distinct where name like 'solo%';`,
    data: "insert into settings (owner, name) values (null, 'a'), (1, 'a'), (1, null), (null, 'solo')",
    queries: ["select owner, name from settings"],
    writes: [
      ["insert into settings (owner, name) values (null, 'a')"],
      ["insert into settings (owner, name) values (1, null)"],
      ["insert into settings (owner, name) values (null, 'solo too')"],
      ["insert into settings (owner, name) values (2, null)"],
    ],
  },
  {
    name: "ordered-unique-index",
    trait: "a unique index with order, collation, operator class and fillfactor",
    ddl: `create table posts (id serial primary key, slug text not null, rank int, at date);
      create unique index posts_order on posts (slug collate "C" text_pattern_ops desc, rank desc nulls last, at nulls first) with (fillfactor = 70, deduplicate_items = off);
      comment on index posts_order is 'for the front page';`,
    data: "insert into posts (slug, rank, at) values ('b', 1, null), ('a', null, '2024-01-01'), ('a', 2, '2024-01-01')",
    queries: ['select slug, rank from posts order by slug collate "C" desc, rank desc nulls last'],
    writes: [
      ["insert into posts (slug, rank, at) values ('a', 2, '2024-01-01')"],
      ["insert into posts (slug, rank, at) values ('a', 3, '2024-01-01')"],
    ],
  },
  {
    name: "other-access-methods",
    trait: "GIN, GiST, BRIN, hash and expression indexes that are not unique",
    ddl: `create table docs (id serial primary key, body text not null, tags text[] not null default '{}', data jsonb, area box, at timestamp, words tsvector generated always as (to_tsvector('simple', body)) stored);
      create index docs_tags on docs using gin (tags); create index docs_data on docs using gin (data jsonb_path_ops);
      create index docs_area on docs using gist (area); create index docs_words on docs using gin (words) with (fastupdate = off);
      create index docs_at on docs using brin (at) with (pages_per_range = 4); create index docs_body on docs using hash (body);
      create index docs_upper on docs (upper(body)) where at is not null;`,
    data: `insert into docs (body, tags, data, area, at) values ('the cat', '{a,b}', '{"k": [1, 2]}', '((0,0),(1,1))', '2024-01-01'), ('a dog', '{b}', null, null, null)`,
    queries: [
      "select body from docs where tags @> '{a}'",
      `select body from docs where data @> '{"k": [2]}'`,
      "select body from docs where area && '((0.5,0.5),(2,2))'::box",
      "select body from docs where words @@ 'dog'::tsquery",
      "select body from docs where at >= '2023-01-01' and upper(body) = 'THE CAT'",
      "select count(*) from docs where body = 'a dog'",
    ],
    writes: [
      [
        "update docs set tags = array_append(tags, 'c'), body = 'the dog' where tags @> '{a}'",
        "select body from docs where words @@ 'dog'::tsquery order by 1",
      ],
    ],
  },
  {
    name: "deferred-unique",
    trait: "unique constraints that are checked at commit",
    ddl: `create table steps (id serial primary key, list text not null, position int not null, constraint one_place unique (list, position) deferrable initially deferred,
      tag text unique deferrable initially immediate)`,
    data: "insert into steps (list, position, tag) values ('l', 1, 'a'), ('l', 2, 'b'), ('m', 1, null)",
    queries: ["select list, position, tag from steps order by 1, 2"],
    writes: [
      [
        "update steps set position = 2 where tag = 'a'",
        "update steps set position = 1 where tag = 'b'",
        "select tag from steps where list = 'l' order by position",
      ],
      ["insert into steps (list, position) values ('l', 1)"],
      ["insert into steps (list, position, tag) values ('n', 1, 'a')"],
      [
        "set constraints steps_tag_key deferred",
        "update steps set tag = 'b' where tag = 'a'",
        "update steps set tag = 'z' where list = 'l' and position = 2",
      ],
    ],
  },
  {
    name: "clustered",
    trait: "a table clustered by one of its unique indexes",
    ddl: `create table readings (id serial primary key, sensor text not null, at int not null, value real, constraint by_sensor unique (sensor, at));
      alter table readings cluster on by_sensor; create table plain (id int primary key); alter table plain cluster on plain_pkey;`,
    data: "insert into readings (sensor, at, value) select s, n, n / 2.0 from unnest('{x,y}'::text[]) s, generate_series(1, 3) n; insert into plain values (1)",
    queries: ["select sensor, avg(value) from readings group by 1"],
    writes: [
      ["insert into readings (sensor, at) values ('x', 1)"],
      ["delete from readings where at = 1"],
    ],
  },
  {
    name: "statistics",
    trait: "extended statistics and statistics targets",
    ddl: `create table places (id serial primary key, city text, zip text, country text);
      create statistics places_city_zip (dependencies, ndistinct) on city, zip from places;
      create statistics places_lower on (lower(city)), country from places; comment on statistics places_lower is 'cities';
      alter statistics places_city_zip set statistics 200; alter table places alter column zip set statistics 500;`,
    data: "insert into places (city, zip, country) select 'c' || n % 7, 'z' || n % 7, 'x' from generate_series(1, 50) n",
    after: "analyze places",
    queries: ["select city, count(*) from places group by city"],
    writes: [["update places set country = 'y' where city = 'c1'"]],
  },
  {
    name: "citext-unique",
    trait: "a unique column of an extension's type",
    setup: "create extension citext",
    ddl: "create table users (email citext primary key, nick citext unique)",
    data: "insert into users values ('Ann@x', 'Ann'), ('bob@x', null)",
    queries: ["select nick from users where email = 'ANN@X'"],
    writes: [
      ["insert into users values ('ann@X', 'other')"],
      ["insert into users values ('c@x', 'ANN')"],
    ],
    again: { ids: "same" },
  },
  {
    name: "trigram-index",
    trait: "an index of an extension's operator class",
    setup: "create extension pg_trgm",
    ddl: "create table names (id serial primary key, name text); create index names_trgm on names using gin (name gin_trgm_ops); create index names_gist on names using gist (name gist_trgm_ops)",
    data: "insert into names (name) values ('wallaby'), ('wallaroo'), ('koala')",
    queries: [
      "select name from names where name like '%alla%'",
      "select name from names where name % 'walaby'",
    ],
    writes: [["delete from names where name ilike 'KOALA'"]],
  },
  {
    name: "unique-over-generated",
    trait: "a unique index over a generated column",
    ddl: "create table items (id serial primary key, name text not null, slug text generated always as (lower(replace(name, ' ', '-'))) stored, constraint slug_once unique (slug))",
    data: "insert into items (name) values ('Big Cat'), ('Small Dog')",
    queries: ["select slug from items order by slug"],
    writes: [
      ["insert into items (name) values ('big cat')"],
      ["update items set name = 'Big Dog' where slug = 'big-cat' returning slug"],
    ],
  },
  {
    name: "key-that-is-a-unique-index",
    trait: "a foreign key to a unique index that no constraint owns",
    ddl: `create table places (id serial primary key, code text not null); create unique index places_code on places (code);
      create table visits (id serial primary key, place text references places (code) on update cascade);`,
    data: "insert into places (code) values ('p'), ('q'); insert into visits (place) values ('p'), ('p'), (null)",
    queries: [
      "select code, count(v.id) from places p left join visits v on v.place = p.code group by 1",
    ],
    writes: [
      [
        "update places set code = 'r' where code = 'p'",
        "select place from visits where place is not null",
      ],
      ["insert into visits (place) values ('zz')"],
      ["delete from places where code = 'r'"],
    ],
  },
  {
    name: "several-unique-keys",
    trait: "a table whose rows are told apart in five ways",
    ddl: `create table people (id uuid primary key default gen_random_uuid(), number int not null unique, email text unique, passport text, country text, unique (passport, country));
      create unique index people_email_lower on people (lower(email)) where email is not null;
      create table cars (id serial primary key, by_number int references people (number), by_email text references people (email), passport text, country text,
        foreign key (passport, country) references people (passport, country));`,
    data: `insert into people (number, email, passport, country) values (1, 'a@x', 'P1', 'de'), (2, null, 'P1', 'fr');
      insert into cars (by_number, by_email, passport, country) values (1, 'a@x', 'P1', 'fr'), (2, null, 'P1', null);`,
    queries: [
      "select c.by_number, p.number from cars c left join people p on p.passport = c.passport and p.country = c.country order by 1",
    ],
    writes: [
      ["insert into people (number) values (1)"],
      ["insert into cars (by_email) values ('b@x')"],
      ["delete from people where number = 2"],
      ["insert into cars (passport, country) values ('P1', 'it')"],
    ],
  },
  {
    name: "storage-parameters",
    trait: "tables and columns with storage parameters of their own",
    ddl: `create table blobs (id serial primary key, body text not null, small text) with (fillfactor = 60, autovacuum_enabled = false, toast.autovacuum_enabled = false);
      alter table blobs alter column body set storage external; alter table blobs alter column small set compression pglz; alter table blobs alter column small set (n_distinct = 10);
      create unique index blobs_small on blobs (small) with (fillfactor = 50);`,
    data: "insert into blobs (body, small) values (repeat('x', 9000), 's'), ('y', null)",
    queries: ["select length(body), small from blobs"],
    writes: [
      ["insert into blobs (body, small) values ('', 's')"],
      ["update blobs set body = body || 'z'"],
    ],
  },
  {
    name: "temporal-key",
    trait: "keys WITHOUT OVERLAPS and foreign keys of a PERIOD",
    since: 180_000,
    setup: "create extension btree_gist",
    ddl: `create table rooms (id int, valid daterange, name text, constraint rooms_when primary key (id, valid without overlaps));
      create table stays (id int primary key, room int, valid daterange, foreign key (room, period valid) references rooms (id, period valid));`,
    data: "insert into rooms values (1, '[2024-01-01,2024-07-01)', 'a'), (1, '[2024-07-01,2025-01-01)', 'b'); insert into stays values (1, 1, '[2024-06-01,2024-08-01)')",
    queries: [
      "select r.name, s.id from rooms r join stays s on s.room = r.id and s.valid && r.valid order by 1",
    ],
    writes: [
      ["insert into rooms values (1, '[2024-03-01,2024-04-01)', 'c')"],
      ["insert into stays values (2, 1, '[2024-12-01,2025-02-01)')"],
      ["insert into rooms values (2, '[2024-03-01,2024-04-01)', 'c')"],
    ],
    again: { ids: "same" },
  },
];
