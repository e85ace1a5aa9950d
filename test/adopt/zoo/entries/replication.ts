import type { Entry } from "../entry.js";

/** What logical replication needs of a table, which reads the columns by name. */
export const replication: readonly Entry[] = [
  {
    name: "replica-identity-index",
    trait: "a replica identity by a unique index",
    ddl: `create table users (id int, code text not null, name text, constraint users_code unique (code)); alter table users replica identity using index users_code; create publication pub for table users;`,
    data: "insert into users values (1, 'x', 'ann'), (2, 'y', 'bob')",
    queries: ["select * from users order by id"],
    writes: [
      ["update users set name = 'anna' where code = 'x'"],
      ["delete from users where code = 'y'"],
      ["insert into users values (3, 'x')"],
    ],
    again: { ids: "same" },
  },
  {
    name: "replica-identity-full",
    trait: "replica identities FULL and NOTHING, published",
    ddl: "create table a (id serial primary key, name text); alter table a replica identity full; create table b (name text unique); alter table b replica identity nothing; create table c (name text); alter table c replica identity full; create publication pub for table a, c; create publication inserts for table b with (publish = 'insert')",
    data: "insert into a (name) values ('x'); insert into b values ('x'); insert into c values ('x')",
    queries: ["select name from a", "select * from b", "select * from c"],
    writes: [["update a set name = 'y'", "update b set name = 'y'", "delete from c"]],
  },
  {
    name: "publication-of-columns",
    trait: "publications with column lists and row filters",
    ddl: `create table users (id int primary key, email text not null unique, password text, active boolean not null default true); create table orders (id serial primary key, user_id int not null references users, note text);
      create publication some_columns for table users (id, email), orders (id, note) with (publish = 'insert, update'); create publication filtered for table users where (id > 0), orders where (id > 5);`,
    data: "insert into users values (1, 'a@x', 'p'); insert into orders (user_id) values (1)",
    queries: ["select email, note from users join orders on user_id = users.id"],
    writes: [
      ["update users set email = 'b@x' where id = 1"],
      ["update orders set note = 'n'"],
      ["delete from orders"],
    ],
  },
  {
    name: "publication-of-everything",
    trait: "publications of all tables and of a schema's",
    setup:
      "create publication everything for all tables; create publication of_schema for tables in schema public",
    ddl: "create table users (id int primary key, name text unique); create table posts (id serial primary key, user_id int references users)",
    data: "insert into users values (1, 'ann'); insert into posts (user_id) values (1)",
    queries: ["select name from users join posts on user_id = users.id"],
    writes: [["update users set name = 'x'"], ["delete from posts"]],
  },
  {
    name: "publication-of-partitions",
    trait: "a partitioned table published through its root",
    ddl: `create table p (id int, k int, primary key (id, k)) partition by list (k); create table p_1 partition of p for values in (1); create table p_2 partition of p for values in (2); create publication rooted for table p with (publish_via_partition_root = true); alter table p_2 replica identity full;`,
    data: "insert into p values (1, 1), (2, 2)",
    queries: ["select * from p order by id"],
    writes: [["update p set id = 5 where k = 1"], ["update p set k = 1 where k = 2"]],
    again: { ids: "same" },
  },
  {
    name: "publication-of-an-identity-index",
    trait:
      "a replica identity by an index that is replaced, in a publication of the columns it covers",
    ddl: `create table users (id serial primary key, code text not null, region text not null, secret text, constraint users_code unique (region, code)); alter table users replica identity using index users_code;
      create publication codes for table users (code, region) where (region <> 'xx'); comment on publication codes is 'to the warehouse';`,
    data: "insert into users (code, region) values ('a', 'n'), ('b', 'n')",
    queries: ["select code, region from users order by 1"],
    writes: [
      ["update users set secret = 's' where code = 'a'"],
      ["update users set code = 'c' where code = 'b'"],
      ["delete from users where code = 'a'"],
    ],
  },
];
