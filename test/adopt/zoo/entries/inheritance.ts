import type { Entry } from "../entry.js";

/** Plain inheritance, where neither keys nor policies are inherited. */
export const inheritance: readonly Entry[] = [
  {
    name: "inheritance",
    trait: "a parent and two children with keys of their own",
    ddl: `create table cities (id int primary key, name text not null, people int check (people > 0)); create table capitals (state text not null, primary key (id), unique (state)) inherits (cities);
      create table villages (id int, church boolean default true) inherits (cities);`,
    data: "insert into cities values (1, 'a', 10); insert into capitals values (1, 'b', 20, 'B'); insert into villages (id, name, people) values (3, 'c', 5)",
    queries: [
      "select name from cities order by 1",
      "select name from only cities",
      "select name, state from capitals",
      "select tableoid::regclass::text, count(*) from cities group by 1",
    ],
    writes: [
      ["update cities set people = people + 1", "select sum(people) from cities"],
      ["insert into capitals values (1, 'dup', 1, 'D')"],
      ["insert into capitals values (2, 'd', 1, 'B')"],
      ["delete from cities where name = 'b'", "select count(*) from capitals"],
      ["insert into villages values (3, 'same id', 1)"],
    ],
    meanwhile: ["insert into villages (id, name, people) values (4, 'm', 1)"],
    again: { ids: "same" },
  },
  {
    name: "deep-inheritance",
    trait: "three generations, and a child of two parents",
    ddl: `create table things (id serial primary key, name text); create table owned (owner text); create table toys (colour text) inherits (things, owned); create table balls (size int, primary key (id)) inherits (toys);
      create table boxes (id serial primary key, ball_id int references balls on delete set null);`,
    data: "insert into things (name) values ('t'); insert into toys (name, owner, colour) values ('y', 'ann', 'red'); insert into balls (name, owner, size) values ('b', 'bob', 3); insert into owned values ('nobody'); insert into boxes (ball_id) select id from balls",
    queries: [
      "select name from things order by 1",
      "select owner from owned order by 1",
      "select size from boxes join balls on balls.id = ball_id",
    ],
    writes: [
      ["delete from things where name = 'b'", "select ball_id from boxes"],
      ["update owned set owner = upper(owner)", "select owner from balls"],
    ],
  },
  {
    name: "inherited-column-of-its-own",
    trait:
      "a child that declares its parent's columns again, and one that shares nothing but a parent left alone",
    ddl: `create table stamped (made date default '2024-01-01'); create table notes (id serial primary key, made date, body text unique) inherits (stamped); create table files (id serial primary key, name text) inherits (stamped);`,
    data: "insert into notes (made, body) values (null, 'a'); insert into files (name) values ('f')",
    queries: [
      "select made, body from notes",
      "select count(*) from stamped",
      "select made, name from files",
    ],
    writes: [
      ["insert into notes (body) values ('a')"],
      ["insert into stamped values ('2020-01-01')", "select count(*) from stamped"],
    ],
  },
];
