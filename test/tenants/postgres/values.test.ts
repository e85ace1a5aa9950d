import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compareTenant, copyTenant, importTenant } from "partywall/tenants";
import { describeEngine } from "../../support/engine.js";
import { archiveOf, buildEstate, isClean, pieces, type Estate } from "./estate.js";

const A = randomUUID();
const B = randomUUID();
const C = randomUUID();

const TYPES = `
create type mood as enum ('glad', 'sad, "very"');
create type point3 as (x int, y text, z numeric);
create domain short as text check (length(value) < 2000);`;
const COLUMNS = `
  id bigint generated always as identity, n serial,
  b bytea, num numeric, fixed numeric(20, 5), f4 float4, f8 float8, j json, jb jsonb, txt text, vc varchar(5), ch char(6),
  bp bpchar, "char one" "char", d date, ts timestamp, tstz timestamptz, t time, ttz timetz, iv interval, bo boolean,
  arr int[], arr2 text[][], chars char(3)[], rng int4range, mrng datemultirange, m mood, ms mood[], p point3, ps point3[], dom short,
  ip inet, net cidr, mac macaddr, bits bit(3), vbits varbit, cash money, u uuid, x xml, tsv tsvector, pt point, lsn pg_lsn,
  jp jsonpath, "Wei""rd näme" text, reg regclass,
  doubled numeric generated always as (fixed * 2) stored`;
const ROWS = [
  `insert into $t ($c b, num, fixed, f4, f8, j, jb, txt, vc, ch, bp, "char one", d, ts, tstz, t, ttz, iv, bo, arr, arr2, chars, rng, mrng,
    m, ms, p, ps, dom, ip, net, mac, bits, vbits, cash, u, x, tsv, pt, lsn, jp, "Wei""rd näme", reg) values ($v
    '\\x00ff5c', 'NaN', 1234567.12345, 0.1, 0.1::float8 + 0.2, '{"b" :1,"a": 2, "b":3}', '{"a": "\\u00e9"}', E'tab\\tnl\\ncr\\r\\\\ "q" \\x7f \\x01 é 𝄞',
    'abcde', 'ab', 'cd  ', 'x', 'infinity', '-infinity', '2024-02-29 12:00:00.123456+02', '24:00', '12:00+05:30',
    '-1 year 2 days -3.5 seconds', true, '{1,NULL,3}', '{{"a,b",NULL},{"","\\"}"}}', '{a,bc}', '[1,5)', '{[2024-01-01,2024-02-01)}',
    'sad, "very"', '{glad,"sad, \\"very\\""}', '(1,"a,""b",2.50)', array['(,,)'::$s.point3, null], 'dom', '10.0.0.1/8', '10.0.0.0/8',
    '08:00:2b:01:02:03', '101', '11', 12.50, '${A}', '<a>b</a>', 'fat:1A cat:2', '(1.5,2)', '16/B374D848', '$.a[*]', 'w', 'pg_class')`,
  "insert into $t ($c txt, p, f8) values ($v '', row(null, null, null), '-Infinity')",
  "insert into $t ($c f4, f8) values ($v '1e-40', 5e-324)",
  "insert into $t ($c txt) values ($v repeat('\u2028é', 100000))",
];
const rows = (table: string, schema: string, id?: string) =>
  ROWS.map((row) =>
    row
      .replaceAll("$t", table)
      .replaceAll("$s", schema)
      .replace("$c", id ? "tenant_id," : "")
      .replace("$v", id ? `'${id}',` : ""),
  ).join(";");

describeEngine("postgres", "what a value is after it has been copied", () => {
  let estate: Estate;
  beforeAll(async () => {
    estate = await buildEstate(`${TYPES}
      create table things (tenant_id uuid not null, ${COLUMNS}, primary key (tenant_id, id));
      create schema own; set search_path = own; ${TYPES} create table things (${COLUMNS}); reset search_path;`);
    await estate.build({ tables: ["things"] });
    await estate.superuser.query(rows("things", "public", A));
    await estate.superuser.query(rows("things", "public", B));
    await estate.superuser.query("delete from things where tenant_id = $1 and txt = ''", [B]);
  });
  afterAll(() => estate?.close());
  const columns = `(select string_agg(format('%s=%s', key, value), '|' order by key)
    from json_each_text(row_to_json(whole)) where key <> 'tenant_id') || ' ' || coalesce(whole.p::text, 'none') || (whole.j::text is null)`;

  test("every type comes back as it was, under another tenant's id, beside its source", async () => {
    const others = await estate.rows("things", `tenant_id <> '${C}'`);
    const from = await estate.row(A);
    const to = await estate.row(C);
    // Settings of the session have no say in the text of a value.
    await from.client.query(
      "set datestyle = 'German'; set intervalstyle = 'iso_8601'; set timezone = 'Asia/Tokyo'; set extra_float_digits = -3; set bytea_output = 'escape'",
    );
    await to.client.query("set datestyle = 'SQL, MDY'; set timezone = 'America/Lima'");
    const report = await importTenant(to, pieces(await archiveOf(from)));
    expect(report.tables).toMatchObject([{ table: "public.things", rows: 4 }]);
    expect(await estate.rows("things", `tenant_id = '${C}'`, columns)).toEqual(
      await estate.rows("things", `tenant_id = '${A}'`, columns),
    );
    expect(await estate.rows("things", `tenant_id <> '${C}'`)).toEqual(others);
    expect(await isClean(from.client)).toBe(true);
    expect(await isClean(to.client)).toBe(true);
    expect(await compareTenant(from, to)).toMatchObject({ same: true });
    expect(await compareTenant(from, await estate.row(B))).toMatchObject({ same: false });
  });

  test("identity and serial columns go on above what came in, and computed ones are computed", async () => {
    const own = await estate.schema("own", A);
    await estate.superuser.query(
      "alter table things alter column id restart with 500; select setval('things_n_seq', 900)",
    );
    await estate.superuser.query(rows("things", "public", B));
    await copyTenant(await estate.row(B), own);
    const { rows: found } = await estate.superuser.query(
      "insert into own.things (fixed) values (3) returning id::int, n, doubled::int",
    );
    expect(found).toEqual([{ id: 504, n: 905, doubled: 6 }]);
  });

  test("a schema's rows come back among the rows of all", async () => {
    const own = await estate.schema("own", A);
    const id = randomUUID();
    const home = await estate.row(id);
    const others = await estate.rows("things");
    await copyTenant(own, home);
    expect(await compareTenant(own, home)).toMatchObject({ same: true });
    expect(await estate.rows("things", `tenant_id <> '${id}'`)).toEqual(others);
  });

  test("an empty tenant is an archive too", async () => {
    const text = await archiveOf(await estate.row(randomUUID()));
    expect(text.trim().split("\n")).toHaveLength(3);
    const report = await importTenant(await estate.row(randomUUID()), pieces(text, 1));
    expect(report.tables).toEqual([{ table: "public.things", rows: 0, checksum: "0" }]);
  });
});
