import { numbered, type Entry } from "../entry.js";

const LONG = "a_name_that_is_as_long_as_postgresql_lets_a_name_be_which_is_";
const longest = (end: string) => LONG.slice(0, 63 - end.length) + end;
const [A, B, INDEX, OTHER, KEY] = ["_a", "_b", "_i1", "_i2", "_fk"].map(longest) as [
  string,
  string,
  string,
  string,
  string,
];

/** Names that are easily misquoted, cut short or taken for others. */
export const names: readonly Entry[] = [
  {
    name: "longest-names",
    trait: "names of 63 bytes that differ in the last letters only",
    ddl: `create table ${A} (id serial primary key, code text, constraint ${INDEX} unique (code)); create table ${B} (id serial primary key, code text, a_id int constraint ${KEY} references ${A} on delete cascade, constraint ${OTHER} unique (code));
      create table short (${A} int primary key, ${B} text, constraint ${longest("_uq")} unique (${B}));`,
    data: `insert into ${A} (code) values ('x'); insert into ${B} (code, a_id) select 'y', id from ${A}; insert into short values (1, 'z')`,
    queries: [
      `select a.code, b.code from ${A} a join ${B} b on b.a_id = a.id`,
      "select * from short",
    ],
    writes: [
      [`insert into ${B} (code) values ('y')`],
      [`insert into ${A} (code) values ('x')`],
      [`delete from ${A}`, `select count(*) from ${B}`],
      ["insert into short values (2, 'z')"],
    ],
  },
  {
    name: "names-that-would-be-made",
    trait: "objects that have the names adoption would give its own",
    ddl: `create table orders (id serial primary key, code text constraint orders_code_key unique); create table orders_tenant_id_idx (id int primary key); create table orders_tenant_id_id_key (id int primary key); create view orders_tenant_id_idx1 as select 1 as one;
      create index partywall_orders_code_key on orders (code); create index partywall_orders_pkey on orders (id); create sequence orders_tenant_id_key;
      create table lines (id serial primary key, order_id int constraint lines_order_id_fkey references orders, constraint partywall_lines_order_id_fkey check (id > 0), constraint lines_tenant_id_present check (id > 0));`,
    data: "insert into orders (code) values ('x'); insert into lines (order_id) select id from orders; insert into orders_tenant_id_idx values (1)",
    queries: ["select code from orders join lines on order_id = orders.id"],
    writes: [
      ["insert into orders (code) values ('x')"],
      ["insert into lines (order_id) values (77)"],
    ],
  },
  {
    name: "quoted-names",
    trait: "names in mixed case, with spaces, quotes, dots, and from other alphabets",
    ddl: `create schema "My Schema"; create table "Users" ("Id" serial primary key, "E-Mail" text not null, "full ""name""" text, constraint "Users.E-Mail" unique ("E-Mail"));
      create table "My Schema"."Größe; drop" (id int primary key, "User Id" int constraint "to ""Users""" references "Users" on delete set null, "値" text, "it's" int default 3);
      create unique index "Ünique '値'" on "My Schema"."Größe; drop" (lower("値")) where "it's" > 0; create view "My Schema"."The ""View""" as select "Id", count(g.id) as "How Many" from "Users" left join "My Schema"."Größe; drop" g on "User Id" = "Id" group by "Id";
      create function "My Schema"."do It"() returns trigger language plpgsql as $$ begin return new; end $$; create trigger "On Write" before insert on "My Schema"."Größe; drop" for each row execute function "My Schema"."do It"();`,
    data: `insert into "Users" ("E-Mail", "full ""name""") values ('a@x', 'ann'), ('b@x', null); insert into "My Schema"."Größe; drop" (id, "User Id", "値") select 1, "Id", 'v' from "Users" where "E-Mail" = 'a@x'`,
    options: { schemas: ["public", "My Schema"] },
    queries: [
      `select "E-Mail", "値", "it's" from "Users" left join "My Schema"."Größe; drop" on "User Id" = "Id" order by 1`,
      `select "How Many" from "My Schema"."The ""View"""`,
    ],
    writes: [
      [`insert into "Users" ("E-Mail") values ('a@x')`],
      [`insert into "My Schema"."Größe; drop" (id, "値") values (2, 'V')`],
      [
        `delete from "Users" where "E-Mail" = 'a@x'`,
        `select "User Id" from "My Schema"."Größe; drop"`,
      ],
    ],
  },
  {
    name: "reserved-names",
    trait: "names that are key words",
    ddl: `create table "order" ("select" int primary key, "from" text unique, "user" text, "group" int, "table" boolean default true); create table "user" ("order" int references "order" on delete cascade, "primary" serial primary key, "end" text, unique ("order", "end"));
      create table "analyze" ("check" int primary key, "default" text default 'x', "references" int references "analyze");`,
    data: `insert into "order" values (1, 'x', 'ann', 2), (2, 'y', null, null); insert into "user" ("order", "end") values (1, 'e'); insert into "analyze" values (1, 'd', 1)`,
    queries: [
      `select "from", "end" from "order" left join "user" on "order" = "select" order by 1`,
      `select * from "analyze"`,
    ],
    writes: [
      [`insert into "order" values (3, 'x')`],
      [`delete from "order" where "select" = 1`, `select count(*) from "user"`],
    ],
  },
  {
    name: "two-schemas",
    trait: "two schemas with foreign keys across, and tables of the same name",
    ddl: `create schema sales; create schema crm; create table crm.people (id int primary key, name text unique); create table sales.people (id int primary key, crm_id int references crm.people on delete cascade, unique (crm_id));
      create table sales.orders (id serial primary key, person int references sales.people on delete cascade, referrer int references crm.people on delete set null); create table public.people (id int primary key, sales_id int references sales.people on delete cascade);`,
    data: "insert into crm.people values (1, 'ann'), (2, 'bob'); insert into sales.people values (1, 2); insert into sales.orders (person, referrer) values (1, 1); insert into people values (1, 1)",
    options: { schemas: ["crm", "public", "sales"] },
    queries: [
      "select c.name, r.name from sales.orders o join sales.people p on p.id = o.person join crm.people c on c.id = p.crm_id left join crm.people r on r.id = referrer",
      "select * from people",
    ],
    writes: [
      ["delete from crm.people where id = 1", "select referrer from sales.orders"],
      ["delete from crm.people", "select count(*) from people"],
      ["insert into sales.people values (5, 5)"],
    ],
    primaryKeys: {
      "crm.people": ["tenant_id", "id"],
      "sales.people": ["tenant_id", "id"],
      "public.people": ["tenant_id", "id"],
    },
  },
  {
    name: "one-of-two-schemas",
    trait: "a schema that is not adopted, beside one that is",
    ddl: "create schema other; create table other.things (id int primary key, name text unique); insert into other.things values (1, 'x'); create table things (id int primary key, name text unique)",
    data: "insert into things values (1, 'x')",
    queries: ["select * from things"],
    writes: [["insert into things values (2, 'x')"]],
    again: { ids: "same" },
  },
  {
    name: "named-like-system-columns",
    trait: "columns and aliases that adoption's own SQL may use",
    ddl: `create table t (id serial primary key, t int, s text, r text, ctid_ text, highest int, rows int, tenant text, excluded int, new text, old text, constraint u unique (t, s)); create table s (last_value int primary key, is_called boolean, log_cnt int references t (id));`,
    data: "insert into t (t, s, highest, new, old) values (1, 's', 5, 'n', 'o'); insert into s values (1, true, null)",
    queries: [numbered("select * from t"), "select * from s"],
    writes: [
      ["insert into t (t, s) values (1, 's')"],
      ["update t set new = old, old = new returning new, old"],
    ],
  },
];
