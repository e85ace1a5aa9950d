import type { Entry } from "../entry.js";

const ACCOUNTS =
  "create table accounts (id int primary key, owner text not null, balance int not null check (balance >= 0));";
const ROWS = "insert into accounts values (1, 'ann', 100), (2, 'bob', 50)";
const LIST = "select owner, balance from accounts order by owner";

/** Functions and procedures that read and write the tables. */
export const routines: readonly Entry[] = [
  {
    name: "functions",
    trait: "functions with the rights of their caller, in SQL and PL/pgSQL",
    ddl: `${ACCOUNTS}
      create function total() returns bigint language sql stable as $$ select sum(balance) from accounts $$;
      create function transfer(a int, b int, amount int) returns void language plpgsql as $$ begin
        update accounts set balance = balance - amount where id = a; update accounts set balance = balance + amount where id = b;
        if not found then raise exception 'no account' using errcode = 'P0002'; end if; end $$;
      create procedure close(a int) language plpgsql as $$ begin delete from accounts where id = a; end $$;
      create function upsert(a int, o text) returns text language plpgsql as $$ declare got text; begin
        update accounts set owner = o where id = a returning owner into got; if got is null then insert into accounts values (a, o, 0) returning owner into got; end if; return got; end $$;`,
    data: ROWS,
    queries: ["select total()", LIST],
    writes: [
      ["select transfer(1, 2, 30)", LIST],
      ["select transfer(1, 2, 300)"],
      ["select transfer(1, 9, 1)"],
      ["select upsert(3, 'cid'), upsert(3, 'dee')", LIST],
      ["call close(2)", "select total()"],
    ],
    again: { ids: "same" },
  },
  {
    name: "atomic-function",
    trait: "a function with a parsed body, which depends on what it reads",
    ddl: `${ACCOUNTS} create table entries (id serial primary key, account int references accounts, amount int);
      create function balances() returns table (owner text, moved bigint) language sql stable begin atomic select a.owner, sum(e.amount) from accounts a left join entries e on e.account = a.id group by a.id; end;
      create function add_entry(a int, n int) returns int language sql begin atomic insert into entries (account, amount) values (a, n) returning amount; end;`,
    data: `${ROWS}; insert into entries (account, amount) values (1, 5), (1, 6)`,
    queries: ["select * from balances() order by owner"],
    writes: [
      ["select add_entry(2, 9)", "select * from balances() order by owner"],
      ["select add_entry(7, 9)"],
    ],
    obstacles: ["dependent"],
    remedy:
      "create or replace function balances() returns table (owner text, moved bigint) language sql stable begin atomic select a.owner, sum(e.amount) from accounts a left join entries e on e.account = a.id group by a.id, a.owner; end",
  },
  {
    name: "row-returning-functions",
    trait: "functions that take and return whole rows of a table",
    ddl: `${ACCOUNTS}
      create function rich(floor int) returns setof accounts language sql stable as $$ select * from accounts where balance >= floor $$;
      create function label(a accounts) returns text language sql stable as $$ select a.owner || ': ' || a.balance $$;
      create function first_of() returns accounts language plpgsql stable as $$ declare r accounts; begin select * into r from accounts order by id limit 1; return r; end $$;`,
    data: ROWS,
    queries: [
      "select owner from rich(60)",
      "select label(a), a.label from accounts a order by 1",
      "select owner, balance from first_of()",
    ],
    again: { ids: "same" },
  },
  {
    name: "checks-by-function",
    trait: "functions inside a check, a default, an index and a generated column",
    ddl: `create function slugged(text) returns text language sql immutable as $$ select lower(replace($1, ' ', '-')) $$;
      create table posts (id serial primary key, title text not null check (slugged(title) <> ''), slug text generated always as (slugged(title)) stored, tag text default slugged('No Tag'));
      create unique index posts_slug on posts (slugged(title));`,
    data: "insert into posts (title) values ('Big News'), ('Small')",
    queries: ["select slug, tag from posts order by slug"],
    writes: [
      ["insert into posts (title) values ('big news')"],
      ["insert into posts (title) values ('')"],
      ["insert into posts (title) values ('Other') returning slug"],
    ],
  },
  {
    name: "definer-function",
    trait: "a SECURITY DEFINER function, which reads past the caller's rights",
    ddl: `${ACCOUNTS} create function peek(a int) returns int language sql stable security definer set search_path = public as $$ select balance from accounts where id = a $$;`,
    data: ROWS,
    obstacles: ["security-definer"],
    queries: [LIST],
    again: { ids: "same" },
  },
  {
    name: "definer-trigger",
    trait: "a trigger whose function is SECURITY DEFINER",
    ddl: `${ACCOUNTS} create table changes (id serial primary key, what text);
      create function note() returns trigger language plpgsql security definer set search_path = public as $$ begin insert into changes (what) values (tg_op || ' ' || new.owner); return new; end $$;
      create trigger note after insert or update on accounts for each row execute function note();`,
    data: ROWS,
    obstacles: ["security-definer"],
    remedy: "alter function note() security invoker",
    queries: [LIST, "select what from changes order by id"],
    writes: [
      ["update accounts set owner = 'bobby' where id = 2", "select what from changes order by id"],
    ],
    again: { ids: "same" },
  },
  {
    name: "function-with-settings",
    trait: "a function with settings, grants, costs and a default argument",
    ddl: `${ACCOUNTS} create function least_balance(floor int default 0) returns int language sql stable strict parallel safe cost 500 set search_path = public set work_mem = '8MB' as $$ select min(balance) from accounts where balance >= floor $$;
      revoke all on function least_balance(int) from public; grant execute on function least_balance(int) to @other@, @app@;`,
    data: ROWS,
    queries: ["select least_balance(), least_balance(60)"],
    again: { ids: "same" },
  },
];
