import type { Entry } from "../entry.js";

/** Exclusion constraints, which compare rows of all tenants until they compare the tenant too. */
export const exclusions: readonly Entry[] = [
  {
    name: "no-overlap",
    trait: "an exclusion constraint over rooms and ranges, with a predicate",
    setup: "create extension btree_gist",
    ddl: `create table bookings (id serial primary key, room int not null, during tsrange not null, cancelled boolean not null default false,
      constraint no_overlap exclude using gist (room with =, during with &&) where (not cancelled));`,
    data: "insert into bookings (room, during) values (1, '[2024-01-01 10:00,2024-01-01 11:00)'), (1, '[2024-01-01 11:00,2024-01-01 12:00)'), (2, '[2024-01-01 10:00,2024-01-01 12:00)')",
    queries: [
      "select room, during from bookings order by 1, 2",
      "select count(*) from bookings where during && '[2024-01-01 10:30,2024-01-01 10:40)'",
    ],
    writes: [
      ["insert into bookings (room, during) values (1, '[2024-01-01 10:30,2024-01-01 10:40)')"],
      [
        "insert into bookings (room, during, cancelled) values (1, '[2024-01-01 10:30,2024-01-01 10:40)', true)",
      ],
      ["update bookings set during = '[2024-01-02 10:00,2024-01-02 12:00)' where room = 2"],
    ],
  },
  {
    name: "no-overlap-without-extension",
    trait: "an exclusion constraint on a range alone, for which no extension was needed",
    ddl: "create table holidays (id int primary key, during daterange, constraint once exclude using gist (during with &&) deferrable initially deferred); comment on constraint once on holidays is 'one at a time'",
    data: "insert into holidays values (1, '[2024-01-01,2024-01-05)'), (2, '[2024-02-01,2024-02-05)')",
    queries: ["select * from holidays"],
    writes: [
      ["insert into holidays values (3, '[2024-01-04,2024-01-09)')"],
      [
        "insert into holidays values (3, '[2024-01-04,2024-01-09)')",
        "delete from holidays where id = 1",
      ],
    ],
    again: { ids: "same" },
    differs: { "extension btree_gist": "it stays, once installed" },
  },
  {
    name: "exclusion-by-btree",
    trait:
      "exclusion constraints that are no more than unique ones, by btree and hash, and over an expression",
    ddl: "create table a (id serial primary key, name text, code int, constraint by_btree exclude using btree (name with =), constraint by_hash exclude using hash (code with =), constraint by_lower exclude using btree (lower(name) with =) where (code > 0))",
    data: "insert into a (name, code) values ('x', 1), ('y', 2)",
    queries: ["select name from a order by 1"],
    writes: [
      ["insert into a (name) values ('x')"],
      ["insert into a (name, code) values ('z', 1)"],
      ["insert into a (name, code) values ('X', 3)"],
      ["insert into a (name, code) values ('X', -3)"],
    ],
    differs: {
      "constraint public.a.by_hash": "hash takes one column only",
      "index public.by_hash": "hash takes one column only",
    },
  },
];
