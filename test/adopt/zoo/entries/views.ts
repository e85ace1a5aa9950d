import { numbered, type Entry } from "../entry.js";

const SHOP = `create table customers (id int primary key, name text not null, city text);
  create table orders (id serial primary key, customer_id int not null references customers on delete cascade, amount int not null, open boolean not null default true);`;
const SERIAL_SHOP = SHOP.replace("id int primary key, name", "id serial primary key, name");
const ROWS = `insert into customers values (1, 'ann', 'x'), (2, 'bob', 'y'), (3, 'cid', 'x');
  insert into orders (customer_id, amount, open) values (1, 10, true), (1, 20, false), (2, 30, true);`;
const SERIAL_ROWS = `insert into customers (name, city) values ('ann', 'x'), ('bob', 'y'), ('cid', 'x');
  insert into orders (customer_id, amount, open) select id, 10 * length(name), name <> 'bob' from customers where name <> 'cid';`;

/** Views, which read with their owner's rights until told otherwise. */
export const views: readonly Entry[] = [
  {
    name: "plain-view",
    trait: "a plain view",
    ddl: `${SHOP} create view open_orders as select o.id, c.name, o.amount from orders o join customers c on c.id = o.customer_id where o.open;`,
    data: ROWS,
    queries: [
      "select name, amount from open_orders order by amount",
      "select count(*) from open_orders o join customers c using (name) where c.city = 'x'",
    ],
    writes: [["update orders set open = false where amount = 10", "select name from open_orders"]],
  },
  {
    name: "view-on-view",
    trait: "views on views, with grants, comments, and columns renamed",
    ddl: `${SHOP} create view totals (customer, total) as select customer_id, sum(amount) from orders group by customer_id;
      create view rich as select c.name, t.total from totals t join customers c on c.id = t.customer where t.total > 25;
      create view richest as select * from rich where total = (select max(total) from rich);
      grant select on totals to @other@; grant select (name) on rich to @other@; comment on view rich is 'who pays'; comment on column rich.total is 'in cents';`,
    data: ROWS,
    queries: ["select * from totals", "select * from rich order by name", "select * from richest"],
    writes: [
      ["update orders set amount = amount * 10 where customer_id = 2", "select * from richest"],
    ],
    again: {},
  },
  {
    name: "view-grouped-by-kept-key",
    trait: "a view that groups by a primary key which stays",
    ddl: `${SERIAL_SHOP} create view per_customer as select c.id, c.name, c.city, count(o.id) as orders from customers c left join orders o on o.customer_id = c.id group by c.id;`,
    data: SERIAL_ROWS,
    queries: ["select name, city, orders from per_customer order by name"],
    writes: [
      [
        "delete from customers where name = 'bob'",
        "select name, orders from per_customer order by name",
      ],
    ],
  },
  {
    name: "view-grouped-by-replaced-key",
    trait:
      "views that group by a primary key which gets the tenant in front, and a view and a rule on one of them",
    ddl: `${SHOP} create view per_customer with (security_barrier) as select c.id, c.name, c.city, count(o.id) as orders from customers c left join orders o on o.customer_id = c.id group by c.id;
      create view busy as select name, orders from per_customer where orders > 0; create view city_of_busy as select b.name, c.city from busy b join customers c using (name);
      create rule no_delete as on delete to per_customer do instead delete from customers where id = old.id;
      grant select on per_customer to @other@; grant select on busy to @other@ with grant option; alter view per_customer alter column orders set default 0;
      comment on view per_customer is 'one line each'; comment on column per_customer.orders is 'how many'; comment on view busy is 'not idle';`,
    data: ROWS,
    queries: [
      "select * from per_customer order by id",
      "select * from busy order by name",
      "select * from city_of_busy order by 1",
    ],
    writes: [
      [
        "insert into orders (customer_id, amount) values (3, 1)",
        "select * from busy order by name",
      ],
      ["delete from per_customer where id = 2", "select id from customers order by 1"],
    ],
    differs: { "view public.per_customer": "its GROUP BY names the tenant too" },
  },
  {
    name: "security-barrier-view",
    trait: "views with security_barrier and check options, written through",
    ddl: `create table notes (id serial primary key, body text, public boolean not null default true, rank int not null default 0);
      create view public_notes with (security_barrier) as select * from notes where public with cascaded check option;
      create view ranked with (security_barrier = true, check_option = local) as select id, body, rank from public_notes where rank > 0;`,
    data: "insert into notes (body, public, rank) values ('a', true, 1), ('b', false, 2), ('c', true, 0)",
    queries: ["select body from public_notes order by 1", "select body, rank from ranked"],
    writes: [
      ["insert into public_notes (body) values ('d')", "select body from public_notes order by 1"],
      ["insert into public_notes (body, public) values ('e', false)"],
      ["update ranked set rank = 0"],
      ["update ranked set rank = 5 returning body", "delete from public_notes where rank = 5"],
    ],
  },
  {
    name: "updatable-view",
    trait: "a view that is written through, with defaults of its own",
    ddl: `${SHOP} create view vips as select id, name, city from customers where city = 'x'; alter view vips alter column city set default 'x';
      create view order_list as select o.id, o.amount, o.customer_id, o.open as is_open from orders o;`,
    data: ROWS,
    queries: [
      "select name from vips order by 1",
      "select amount, is_open from order_list order by 1",
    ],
    writes: [
      [
        "insert into vips (id, name) values (9, 'zed') returning *",
        "select * from customers where id = 9",
      ],
      ["update vips set name = upper(name)", "select name from customers order by 1"],
      [
        "insert into order_list (amount, customer_id) values (5, 1)",
        "delete from order_list where amount = 30",
      ],
      ["insert into order_list (amount, customer_id) values (5, 100)"],
    ],
  },
  {
    name: "view-with-instead-trigger",
    trait: "a view that an INSTEAD OF trigger writes",
    ddl: `create table people (id serial primary key, first text not null, last text not null, unique (first, last)); create view names as select id, first || ' ' || last as name from people;
      create function write_name() returns trigger language plpgsql as $$ begin
        if tg_op = 'DELETE' then delete from people where id = old.id; return old; end if;
        insert into people (first, last) values (split_part(new.name, ' ', 1), split_part(new.name, ' ', 2)) returning id into new.id; return new; end $$;
      create trigger write_name instead of insert or delete on names for each row execute function write_name();`,
    data: "insert into people (first, last) values ('ann', 'a'), ('bob', 'b')",
    queries: ["select name from names order by name"],
    writes: [
      [
        "insert into names (name) values ('cid c') returning name",
        "select last from people order by 1",
      ],
      ["insert into names (name) values ('ann a')"],
      ["delete from names where name = 'bob b'", "select count(*) from people"],
    ],
  },
  {
    name: "view-with-rules",
    trait: "a view that rules write",
    ddl: `create table articles (id serial primary key, title text not null, gone boolean not null default false); create view live as select id, title from articles where not gone;
      create rule live_insert as on insert to live do instead insert into articles (title) values (new.title) returning id, title;
      create rule live_delete as on delete to live do instead update articles set gone = true where id = old.id;`,
    data: "insert into articles (title, gone) values ('a', false), ('b', true)",
    queries: ["select title from live"],
    writes: [
      [
        "insert into live (title) values ('c') returning title",
        "delete from live where title = 'a'",
        "select title, gone from articles order by 1",
      ],
    ],
  },
  {
    name: "view-of-everything",
    trait: "views made with select *, a union, a window and a recursion",
    ddl: `create table nodes (id int primary key, parent_id int references nodes, name text not null); create view all_nodes as select * from nodes;
      create view doubled as select name, 1 as part from nodes union all select upper(name), 2 from nodes;
      create view ranked as select name, row_number() over (order by name desc) as place from nodes;
      create recursive view paths (id, path) as select id, name from nodes where parent_id is null union all select n.id, p.path || '/' || n.name from nodes n join paths p on p.id = n.parent_id;
      create view pairs as select a.name as one, b.name as other from nodes a natural join (select id, name as n2 from nodes) x join nodes b using (id);`,
    data: "insert into nodes values (1, null, 'a'), (2, 1, 'b'), (3, 2, 'c')",
    queries: [
      "select * from all_nodes",
      "select * from doubled order by 2, 1",
      "select * from ranked order by place",
      "select path from paths order by 1",
      "select * from pairs",
    ],
    writes: [["insert into all_nodes values (4, 1, 'd')", "select path from paths order by 1"]],
    again: { ids: "same" },
  },
  {
    name: "invoker-view",
    trait: "a view that reads with the reader's rights already, and one of a shared table",
    ddl: `create table plans (name text primary key, price int); insert into plans values ('free', 0), ('pro', 9); create table accounts (id serial primary key, plan text not null references plans);
      create view paying with (security_invoker = on) as select a.id, price from accounts a join plans on name = plan where price > 0; create view price_list as select name, price from plans; create view constants as select 1 as one;`,
    data: "insert into accounts (plan) values ('free'), ('pro')",
    options: { tables: { plans: "shared" } },
    queries: [
      "select price from paying",
      "select * from price_list order by name",
      "select one from constants",
    ],
  },
  {
    name: "view-in-another-schema",
    trait: "a schema of views over the tables of another, as an API has it",
    ddl: `create schema api; ${SHOP} create view api.customers as select id, name from public.customers; create view api.orders as select o.*, c.name from public.orders o join api.customers c on c.id = o.customer_id;`,
    data: ROWS,
    options: { schemas: ["public", "api"] },
    queries: [
      "select name from api.customers order by 1",
      "select name, amount from api.orders order by 2",
    ],
    writes: [
      [
        "update api.customers set name = 'anna' where id = 1",
        "select distinct name from api.orders order by 1",
      ],
    ],
  },
  {
    name: "materialised-view",
    trait: "a materialised view, which holds the rows of all tenants",
    ddl: `${SHOP} create materialized view totals as select customer_id, sum(amount) as total from orders group by 1; create unique index totals_customer on totals (customer_id);`,
    data: ROWS,
    after: "refresh materialized view totals",
    obstacles: ["materialized-view"],
    queries: ["select name, amount from orders join customers c on c.id = customer_id order by 2"],
    writes: [["delete from customers where id = 1", "select count(*) from orders"]],
  },
  {
    name: "materialised-view-by-key",
    trait: "a materialised view that groups by a primary key which gets the tenant in front",
    ddl: `${SHOP} create materialized view totals as select c.id, c.name, sum(o.amount) as total from customers c join orders o on o.customer_id = c.id group by c.id; create unique index totals_customer on totals (id); create index on totals (total); comment on materialized view totals is 'nightly';`,
    data: ROWS,
    after: "refresh materialized view totals",
    obstacles: ["materialized-view"],
    queries: [
      numbered("select * from orders order by id"),
      "select name from customers order by 1",
    ],
    differs: { "view public.totals": "its GROUP BY names the tenant too" },
  },
  {
    name: "view-used-by-function",
    trait: "a function that returns a view's rows, and a view that calls a function",
    ddl: `${SHOP} create function amount_of(int) returns bigint language sql stable as $$ select coalesce(sum(amount), 0) from orders where customer_id = $1 $$;
      create view sums as select c.id, c.name, amount_of(c.id) as amount from customers c; create function big_sums(floor bigint) returns setof sums language sql stable as $$ select * from sums where amount >= floor $$;`,
    data: ROWS,
    queries: [
      "select name, amount from sums order by 1",
      "select name from big_sums(30) order by name",
      "select amount_of(1)",
    ],
    writes: [["delete from orders where amount = 20", "select name, amount from sums order by 1"]],
    again: {},
  },
  {
    name: "views-grouped-everywhere",
    trait:
      "GROUP BY of a replaced key inside a CTE, a sub-select, a union, with HAVING, quotes and the words in a text",
    ddl: `create table "Kunde" ("Id" int primary key, "Name" text not null, "group by" text default 'GROUP BY k."Id"'); create table sales (id serial primary key, kunde int references "Kunde", amount int);
      create view in_cte as with t as (select k."Id", k."Name", sum(s.amount) as total from "Kunde" k left join sales s on s.kunde = k."Id" group by k."Id") select "Name", total from t;
      create view in_from as select x."Name", x.n, 'GROUP BY k."Id"' as words from (select k."Id", k."Name", count(*) as n from "Kunde" k join sales s on s.kunde = k."Id" group by k."Id" having count(*) > 1) x;
      create view in_union as select k."Name" || '!' as label, max(s.amount) as m from "Kunde" k join sales s on s.kunde = k."Id" group by k."Id" union all select "Kunde"."group by", count(*)::int from "Kunde" group by "Kunde"."Id";
      create view in_where as select "Name" from "Kunde" o where exists (select k."Name" from "Kunde" k where k."Id" = o."Id" group by k."Id" having length(k."Name") > 2);
      create view in_target as select "Id", (select k."Name" from "Kunde" k where k."Id" = o."Id" group by k."Id") as name, (select array_agg(y.label order by y.label) from (select k."Name" as label from "Kunde" k group by k."Id") y) as labels from "Kunde" o;`,
    data: `insert into "Kunde" ("Id", "Name") values (1, 'ann'), (2, 'bo'); insert into sales (kunde, amount) values (1, 10), (1, 20), (2, 5)`,
    queries: [
      "select * from in_cte order by 1",
      "select * from in_from",
      "select * from in_union order by 1, 2",
      "select * from in_where",
      "select * from in_target order by 1",
    ],
    writes: [
      [`insert into sales (kunde, amount) values (2, 7)`, "select * from in_from order by 1"],
    ],
    differs: Object.fromEntries(
      ["in_cte", "in_from", "in_union", "in_where", "in_target"].map((view) => [
        `view public.${view}`,
        "its GROUP BY names the tenant too",
      ]),
    ),
  },
  {
    name: "view-grouped-by-many",
    trait: "GROUP BY of two replaced keys, of a part of one, in grouping sets, and by position",
    ddl: `create table a (x int, y int, name text, primary key (x, y)); create table b (id int primary key, label text, ax int, ay int, foreign key (ax, ay) references a);
      create view by_both as select a.x, a.y, a.name, b.label, count(*) as n from a join b on b.ax = a.x and b.ay = a.y group by a.x, a.y, b.id;
      create view by_position as select b.id, b.label, sum(b.ax) as s from b group by 1;
      create view by_sets as select a.x, a.y, max(a.name) as name, count(*) as n from a group by grouping sets ((a.x, a.y), (a.x), ());
      create view by_all_columns as select a.name, count(*) as n from a group by a.name, a.x;
      create view by_using as select id, label, count(*) as n from b join (select id from b) c using (id) group by b.id;
      create view of_nothing as select count(*) as n from b having count(*) >= 0;`,
    data: "insert into a values (1, 1, 'p'), (1, 2, 'q'); insert into b values (1, 'l', 1, 1), (2, 'm', 1, 1), (3, 'n', 1, 2)",
    queries: [
      "select * from by_both order by 1, 2, 4",
      "select * from by_position order by 1",
      "select * from by_sets order by 1, 2, 4",
      "select * from by_all_columns order by 1",
      "select * from by_using order by 1",
      "select * from of_nothing",
    ],
    writes: [["delete from b where id = 2", "select * from by_both order by 1, 2, 4"]],
    again: { ids: "same" },
    differs: Object.fromEntries(
      ["by_both", "by_position", "by_using"].map((view) => [
        `view public.${view}`,
        "its GROUP BY names the tenant too",
      ]),
    ),
  },
  {
    name: "dependents-of-a-replaced-view",
    trait: "a function of the row type of a view that has to be made anew",
    ddl: `${SHOP} create view per_customer as select c.id, c.name, count(o.id) as orders from customers c left join orders o on o.customer_id = c.id group by c.id;
      create function busiest() returns setof per_customer language sql stable as $$ select * from per_customer order by orders desc limit 1 $$;`,
    data: ROWS,
    obstacles: ["dependent"],
    remedy:
      "drop function busiest(); create function busiest() returns table (id int, name text, orders bigint) language sql stable as $$ select * from per_customer order by orders desc limit 1 $$",
    queries: ["select name, orders from busiest()"],
    differs: { "view public.per_customer": "its GROUP BY names the tenant too" },
  },
  {
    name: "view-of-a-superuser",
    trait: "a view that a superuser owns, which no policy concerns",
    setup:
      "create table notes (id serial primary key, body text); alter table notes owner to @former@; create view all_notes as select body from notes; grant select on all_notes to @former@, public",
    ddl: "select 1",
    data: "insert into notes (body) values ('a')",
    queries: ["select body from all_notes"],
    writes: [["insert into notes (body) values ('b')", "select body from all_notes order by 1"]],
  },
  {
    name: "view-over-unmanaged",
    trait:
      "a view that joins tenants' rows with a table left alone and one of another schema, which the application may read",
    ddl: `create schema geo; create table geo.places (id int primary key, name text); insert into geo.places values (1, 'here'); create table rates (code text primary key, rate int); insert into rates values ('x', 2);
      create table offers (id serial primary key, place int, code text, amount int); create view priced as select o.amount * r.rate as price, p.name from offers o join rates r using (code) join geo.places p on p.id = o.place;
      grant usage on schema geo to @app@; grant select on geo.places, rates to @app@;`,
    data: "insert into offers (place, code, amount) values (1, 'x', 5)",
    options: { tables: { rates: "unmanaged" } },
    queries: ["select * from priced", "select rate from rates"],
    writes: [["update offers set amount = 6", "select price from priced"]],
  },
];
