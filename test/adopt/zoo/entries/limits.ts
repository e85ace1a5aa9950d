import type { Entry } from "../entry.js";

const columns = (n: number) => Array.from({ length: n }, (_, at) => `c${at} int`).join(", ");
const named = (n: number) => Array.from({ length: n }, (_, at) => `c${at}`).join(", ");

/** Schemas at the limits of what PostgreSQL lets a table have. */
export const limits: readonly Entry[] = [
  {
    name: "most-columns",
    trait: "a table of 1600 columns, where there is no room for one more",
    ddl: `create table full_table (${columns(1600)}); create table roomy (id int primary key)`,
    data: "insert into roomy values (1)",
    obstacles: ["column-limit"],
    answer: { tables: { full_table: "unmanaged" } },
    queries: ["select * from roomy"],
    again: { ids: "same" },
  },
  {
    name: "most-columns-ever",
    trait: "a table whose dropped columns count against its limit",
    ddl: `create table worn (id int, ${columns(1599)}); alter table worn drop column c0, drop column c1`,
    data: "insert into worn (id) values (1)",
    obstacles: ["column-limit"],
    queries: ["select id from worn"],
  },
  {
    name: "widest-index",
    trait: "a unique key of 32 columns, where there is no room for the tenant",
    ddl: `create table wide (${columns(33)}, constraint of_all unique (${named(32)}))`,
    data: "insert into wide (c0) values (1)",
    obstacles: ["index-limit"],
    remedy: "alter table wide drop constraint of_all",
    queries: ["select c0 from wide"],
    again: { ids: "same" },
  },
  {
    name: "foreign-table",
    trait: "a foreign table, which has no row security",
    setup:
      "create extension file_fdw; create server files foreign data wrapper file_fdw; create foreign table far (line text) server files options (filename '/dev/null'); alter foreign table far owner to @former@",
    ddl: "create table near (id int primary key)",
    data: "insert into near values (1)",
    obstacles: ["foreign-table"],
    answer: { tables: { far: "unmanaged" } },
    queries: ["select * from near"],
    again: { ids: "same" },
  },
  {
    name: "foreign-partition",
    trait: "a partition that is a foreign table",
    setup:
      "create extension file_fdw; create server files foreign data wrapper file_fdw; create table events (id int, day date) partition by range (day); alter table events owner to @former@; create foreign table events_old partition of events for values from (minvalue) to ('2024-01-01') server files options (filename '/dev/null'); alter foreign table events_old owner to @former@",
    ddl: "create table events_new partition of events for values from ('2024-01-01') to ('2030-01-01')",
    data: "insert into events values (1, '2024-05-05')",
    obstacles: ["foreign-table"],
    remedy: "alter table events detach partition events_old; drop foreign table events_old",
    queries: ["select id from events_new"],
    again: { ids: "same" },
  },
];
