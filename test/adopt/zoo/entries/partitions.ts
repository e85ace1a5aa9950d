import { numbered, type Entry } from "../entry.js";

/** Partitioned tables, where every partition needs the wall too. */
export const partitions: readonly Entry[] = [
  {
    name: "range-partitions",
    trait: "range partitions with a primary key and a unique constraint",
    ddl: `create table events (id int, day date, kind text not null, code text, primary key (id, day), constraint one_code unique (day, code)) partition by range (day);
      create table events_2023 partition of events for values from ('2023-01-01') to ('2024-01-01'); create table events_2024 partition of events for values from ('2024-01-01') to ('2025-01-01');
      create index events_kind on events (kind);`,
    data: "insert into events values (1, '2023-05-05', 'a', 'x'), (2, '2024-05-05', 'b', 'x'), (3, '2024-05-05', 'a', 'y')",
    queries: [
      "select kind, count(*) from events group by kind",
      "select * from events_2024 order by id",
      "select id from events where day < '2024-01-01'",
    ],
    writes: [
      ["insert into events values (4, '2024-05-05', 'c', 'x')"],
      ["insert into events values (4, '2026-05-05', 'c', 'x')"],
      [
        "update events set day = '2024-06-06' where id = 1 returning *",
        "select count(*) from events_2023",
      ],
      [
        "delete from events_2024 where kind = 'b'",
        "insert into events_2023 values (9, '2023-01-01', 'z', null)",
      ],
    ],
    meanwhile: ["insert into events values (5, '2023-12-31', 'm', 'm')"],
    again: { ids: "same" },
  },
  {
    name: "list-partitions",
    trait: "list partitions with a default partition and serial keys",
    ddl: `create table orders (id bigserial, region text not null, amount int, primary key (region, id)) partition by list (region);
      create table orders_eu partition of orders for values in ('de', 'fr'); create table orders_us partition of orders for values in ('us'); create table orders_rest partition of orders default;`,
    data: "insert into orders (region, amount) values ('de', 1), ('us', 2), ('jp', 3), ('fr', 4)",
    queries: [
      "select region, amount from orders order by 1",
      "select amount from orders_rest",
      "select sum(amount) from orders_eu",
    ],
    writes: [
      ["insert into orders (region, amount) values ('cn', 9) returning region, id"],
      [
        "update orders set region = 'us' where region = 'jp'",
        "select amount from orders_us order by 1",
      ],
      ["delete from orders_eu"],
    ],
  },
  {
    name: "hash-partitions",
    trait: "hash partitions with a key that stays",
    ddl: `create table users (id uuid default gen_random_uuid() primary key, name text not null) partition by hash (id);
      create table users_0 partition of users for values with (modulus 2, remainder 0); create table users_1 partition of users for values with (modulus 2, remainder 1);`,
    data: "insert into users (name) select 'u' || n from generate_series(1, 10) n",
    queries: [
      "select name from users order by name",
      "select (select count(*) from users_0) + (select count(*) from users_1)",
    ],
    writes: [
      ["update users set name = upper(name) where name < 'u3'"],
      [
        "insert into users values ('00000000-0000-4000-8000-000000000001', 'x') on conflict (id) do update set name = excluded.name",
        "delete from users where name = 'x'",
      ],
    ],
    primaryKeys: { users: ["id"] },
  },
  {
    name: "sub-partitions",
    trait: "partitions of partitions, some with keys and indexes of their own",
    ddl: `create table logs (id int, day date not null, level text not null, line text, constraint logs_key unique (day, level, id)) partition by range (day);
      create table logs_old partition of logs for values from (minvalue) to ('2024-01-01'); create table logs_new partition of logs for values from ('2024-01-01') to (maxvalue) partition by list (level);
      create table logs_new_error partition of logs_new for values in ('error'); create table logs_new_rest partition of logs_new default; create unique index only_here on logs_new_error (line); create index on logs (line);
      alter table logs_old add constraint of_old unique (id);`,
    data: "insert into logs values (1, '2020-01-01', 'error', 'a'), (1, '2024-02-02', 'error', 'a'), (2, '2024-02-02', 'info', 'a')",
    queries: [
      "select level, count(*) from logs group by 1",
      "select line from logs_new order by id",
      "select * from logs_new_error",
    ],
    writes: [
      ["insert into logs values (7, '2024-02-02', 'error', 'a')"],
      ["insert into logs values (1, '2021-01-01', 'x', 'a')"],
      ["insert into logs values (1, '2024-02-02', 'error', 'b')"],
      [
        "update logs set level = 'error', line = 'moved' where level = 'info'",
        "select line from logs_new_error order by 1",
      ],
    ],
    again: { ids: "same" },
  },
  {
    name: "foreign-keys-of-partitions",
    trait: "foreign keys from, to and between partitioned tables",
    ddl: `create table users (id int primary key, name text);
      create table orders (id int, month int, user_id int references users on delete cascade, primary key (id, month)) partition by range (month);
      create table orders_1 partition of orders for values from (1) to (7); create table orders_2 partition of orders for values from (7) to (13);
      create table lines (id serial primary key, order_id int, month int, what text, foreign key (order_id, month) references orders on delete cascade);
      create table parcels (id int, month int, order_id int, primary key (id, month), constraint of_order foreign key (order_id, month) references orders (id, month)) partition by list (month); create table parcels_1 partition of parcels for values in (1); create table parcels_rest partition of parcels default;`,
    data: `insert into users values (1, 'ann'), (2, 'bob'); insert into orders values (1, 1, 1), (2, 8, 2), (3, 2, 2); insert into lines (order_id, month, what) values (1, 1, 'x'), (2, 8, 'y'); insert into parcels values (1, 2, 3);`,
    queries: [
      "select name, what from users join orders o on o.user_id = users.id join lines on order_id = o.id and lines.month = o.month order by 1",
      "select count(*) from parcels",
    ],
    writes: [
      ["insert into lines (order_id, month) values (1, 2)"],
      ["insert into parcels values (2, 1, 9)"],
      ["delete from orders where id = 3"],
      ["delete from users where id = 1", "select count(*) from lines"],
      ["update orders set month = 9 where id = 2"],
    ],
    again: {},
    // PostgreSQL 15 names the keys to single partitions after their columns.
    errors: {
      "23503 parcels_order_id_month_fkey": "23503 parcels_tenant_id_order_id_month_fkey",
      "23503 lines_order_id_month_fkey2": "23503 lines_tenant_id_order_id_month_fkey1",
    },
  },
  {
    name: "foreign-key-of-one-partition",
    trait:
      "a foreign key that only one partition has, and a partition with its columns in another order",
    ddl: `create table kinds (id int primary key); create table items (id int not null, kind int, note text) partition by list (kind);
      create table items_1 (note text, gone int, kind int, id int not null); alter table items_1 drop column gone; alter table items attach partition items_1 for values in (1);
      create table items_2 partition of items for values in (2); alter table items_2 add constraint only_two foreign key (kind) references kinds; alter table items add constraint items_key unique (id, kind);`,
    data: "insert into kinds values (2); insert into items values (1, 1, 'a'), (1, 2, 'b')",
    queries: ["select * from items order by kind", "select note from items_1"],
    writes: [
      ["insert into items values (1, 1, 'dup')"],
      [
        "insert into items_1 (id, kind, note) values (5, 1, 'direct')",
        "select note from items order by id, kind",
      ],
      ["delete from kinds"],
    ],
    again: { ids: "same" },
  },
  {
    name: "index-on-parent-only",
    trait: "an index that is on the partitioned table alone and so not valid",
    ddl: `create table m (id int not null, at int not null) partition by range (at); create table m_1 partition of m for values from (0) to (10); create table m_2 partition of m for values from (10) to (20);
      create index m_at on only m (at); create index m_1_at on m_1 (at); alter index m_at attach partition m_1_at;`,
    data: "insert into m values (1, 1), (2, 12)",
    queries: ["select id from m where at > 5"],
    writes: [["insert into m values (3, 3)"]],
    again: { ids: "same" },
    differs: { "index public.m_at": "it may be made whole" },
  },
  {
    name: "partitions-in-another-schema",
    trait: "partitions in a schema of their own, and a table with none yet",
    ddl: `create schema archive; create table readings (id bigint generated by default as identity, at date not null, value int, primary key (id, at)) partition by range (at);
      create table archive.readings_2023 partition of readings for values from ('2023-01-01') to ('2024-01-01'); create table readings_2024 partition of readings for values from ('2024-01-01') to ('2025-01-01');
      create table future (id int primary key) partition by range (id);`,
    since: 170_000,
    data: "insert into readings (at, value) values ('2023-03-03', 1), ('2024-04-04', 2)",
    options: { schemas: ["public", "archive"] },
    queries: [
      "select at, value from readings order by at",
      "select value from archive.readings_2023",
      "select * from future",
    ],
    writes: [
      ["insert into readings (at, value) values ('2024-05-05', 3) returning id"],
      ["insert into future values (1)"],
    ],
  },
  {
    name: "partitioned-by-expression",
    trait: "partitions by an expression, which can have no unique key",
    ddl: `create table visits (at timestamp not null, path text) partition by range (date_trunc('month', at)); create table visits_jan partition of visits for values from ('2024-01-01') to ('2024-02-01'); create table visits_rest partition of visits default; create index on visits (path);`,
    data: "insert into visits values ('2024-01-15', '/'), ('2024-03-15', '/')",
    queries: ["select path, count(*) from visits group by 1", "select at from visits_jan"],
    writes: [["update visits set at = '2024-01-20'", "select count(*) from visits_jan"]],
    again: { ids: "same" },
  },
  {
    name: "partition-triggers",
    trait: "triggers on a partitioned table and on one partition",
    ddl: `create table audit (id serial primary key, line text); create table p (id int, k int, name text, primary key (id, k)) partition by list (k); create table p_1 partition of p for values in (1); create table p_2 partition of p for values in (2);
      create function note() returns trigger language plpgsql as $$ begin insert into audit (line) values (tg_name || ' ' || tg_op || ' ' || new.name); return new; end $$;
      create trigger of_all after insert or update on p for each row execute function note(); create trigger of_one before insert on p_2 for each row execute function note();`,
    data: "insert into p values (1, 1, 'a'), (2, 2, 'b')",
    queries: [numbered("select line from audit order by id"), "select name from p order by 1"],
    writes: [
      ["update p set k = 2 where id = 1", "select line from audit order by id"],
      ["insert into p_2 values (3, 2, 'c')"],
    ],
    again: { ids: "same" },
  },
  {
    name: "partitions-with-everything",
    trait:
      "a partitioned table that points at itself, with deferrable and partial keys, comments, and three levels",
    ddl: `create table t (id int, k int, part int, up int, up_k int, up_part int, code text, note text, constraint t_key primary key (id, k, part), constraint t_code unique (code, k, part) deferrable initially deferred,
        constraint t_up foreign key (up, up_k, up_part) references t (id, k, part) on delete set null (up) deferrable) partition by list (k);
      create table t_1 partition of t for values in (1) partition by range (part); create table t_1_low partition of t_1 for values from (0) to (10); create table t_1_high partition of t_1 for values from (10) to (20); create table t_2 partition of t for values in (2);
      create unique index t_note on t (note, k, part) where note is not null; create unique index t_lower on t (lower(code), k, part); comment on constraint t_key on t is 'the key'; comment on index t_note is 'partial'; comment on table t_1_low is 'low';`,
    data: `insert into t (id, k, part, code, note) values (1, 1, 5, 'a', 'x'), (2, 1, 15, 'b', null), (3, 2, 5, 'c', 'x'); update t set up = 1, up_k = 1, up_part = 5 where id > 1`,
    queries: [
      "select t.id, u.code from t left join t u on (u.id, u.k, u.part) = (t.up, t.up_k, t.up_part) order by 1",
      "select code from t_1 order by 1",
    ],
    writes: [
      ["delete from t where id = 1", "select id, up, up_k from t order by 1"],
      ["insert into t (id, k, part, code, note) values (9, 1, 5, 'z', 'x')"],
      [
        "insert into t (id, k, part, code) values (9, 1, 15, 'b')",
        "update t set code = 'bb' where id = 2",
      ],
      ["insert into t (id, k, part, code) values (9, 1, 15, 'B')"],
    ],
    again: {},
  },
];
