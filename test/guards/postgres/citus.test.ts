import { afterEach, expect, test } from "vitest";
import { planCitus, type CitusOptions } from "partywall/guards/postgres";
import { describeEngine } from "../../support/engine.js";
import { buildSite, type Site } from "./site.js";

const SHOP = `
  create table genre (id int primary key);
  create table artist (tenant_id uuid not null, id int, primary key (tenant_id, id));
  create table album (tenant_id uuid not null, id int, artist int, primary key (tenant_id, id),
    constraint by_artist foreign key (tenant_id, artist) references artist (tenant_id, id));
  create table track (tenant_id uuid not null, id int, album int, genre int references genre, parent int,
    primary key (tenant_id, id), foreign key (tenant_id, album) references album, foreign key (tenant_id, parent) references track);
  create table note (id int primary key);`;
const OPTIONS: CitusOptions = { tables: ["track", "album", "artist"], shared: ["genre"] };

// Stand-ins, not Citus: they record what they were called with, and resolve the table's name as Citus would.
const STAND_INS = `
  create table calls (n int generated always as identity, what text, relation regclass, dist text, follows text, shards int);
  create function create_reference_table(table_name regclass) returns void language sql as
    $$ insert into calls (what, relation) values ('reference', $1) $$;
  create function create_distributed_table(table_name regclass, distribution_column text, colocate_with text, shard_count int default null)
    returns void language sql as
    $$ insert into calls (what, relation, dist, follows, shards) values ('distributed', $1, $2, $3, $4) $$;`;

describeEngine("postgres", "distributing over Citus, with stand-ins for its two functions", () => {
  const sites: Site[] = [];
  const site = async (ddl: string) => {
    const built = await buildSite(ddl);
    sites.push(built);
    return built.superuser;
  };
  afterEach(async () => {
    for (const built of sites.splice(0).toReversed()) await built.close();
  });

  test("reference tables come first, then tenant tables after those they refer to, colocated", async () => {
    const client = await site(SHOP + STAND_INS);
    for (const sql of await planCitus(client, { ...OPTIONS, shardCount: 8 }))
      await client.query(sql);
    const { rows } = await client.query(
      "select what, relation::text, dist, follows, shards from calls order by n",
    );
    const dist = { what: "distributed", dist: "tenant_id", shards: null };
    const follows = '"public"."artist"';
    expect(rows).toEqual([
      { what: "reference", relation: "genre", dist: null, follows: null, shards: null },
      { ...dist, relation: "artist", follows: "none", shards: 8 },
      { ...dist, relation: "album", follows },
      { ...dist, relation: "track", follows },
    ]);
  });

  test("hostile names stay names", async () => {
    const client = await site(
      `${STAND_INS} create schema "s'.\\"; create table "s'.\\"."t""'); drop table calls; --" ("te'\\nant" int8, primary key ("te'\\nant"))`,
    );
    const table = { schema: "s'.\\", name: `t"'); drop table calls; --` };
    const tenantColumn = "te'\\nant";
    for (const sql of await planCitus(client, { tables: [table], tenantColumn }))
      await client.query(sql);
    const { rows } = await client.query(
      `select c.relname, dist from calls join pg_class c on c.oid = relation`,
    );
    expect(rows).toEqual([{ relname: table.name, dist: tenantColumn }]);
  });

  test.each<[string, string, RegExp, CitusOptions?]>([
    [
      "a primary key without the tenant",
      "alter table album drop constraint by_artist; alter table track drop constraint track_tenant_id_album_fkey; alter table album drop constraint album_pkey; alter table album add primary key (id)",
      /album_pkey/,
    ],
    [
      "a unique constraint without it",
      "alter table album add constraint once unique (artist)",
      /once/,
    ],
    [
      "a unique index that only includes it",
      "create unique index once on album (id) include (tenant_id)",
      /once/,
    ],
    [
      "an exclusion constraint without it",
      "alter table album add constraint apart exclude (artist with =)",
      /apart/,
    ],
    [
      "a foreign key without the tenant",
      "create table bare (tenant_id uuid, artist uuid, n int, constraint bare_fk foreign key (artist, n) references artist)",
      /bare_fk.*same place/,
      { tables: ["bare", "artist", "album", "track"], shared: ["genre"] },
    ],
    [
      "a foreign key with it elsewhere",
      "alter table album add other uuid, add constraint askew foreign key (other, id) references artist (tenant_id, id)",
      /askew.*same place/,
    ],
    [
      "a foreign key that may rewrite it",
      "alter table album add constraint writes foreign key (tenant_id, id) references artist on delete set null",
      /writes.*rewrite/,
    ],
    [
      "a shared table referring to a tenant's",
      "alter table genre add t uuid, add a int, add constraint up foreign key (t, a) references artist",
      /up.*from a shared/,
    ],
    [
      "a local table referring to a tenant's",
      "alter table note add t uuid, add a int, add constraint up foreign key (t, a) references artist",
      /up.*from a local/,
    ],
    [
      "a tenant's table referring to a local one",
      "alter table album add constraint local foreign key (id) references note",
      /local.*in shared/,
    ],
    [
      "a circle of foreign keys",
      "alter table artist add constraint back foreign key (tenant_id, id) references album",
      /circle/,
    ],
    [
      "another type of tenant column",
      "create table odd (tenant_id text)",
      /type or collation/,
      { tables: ["album", "artist", "track", "odd"], shared: ["genre"] },
    ],
    [
      "a default of the tenant column",
      "alter table album alter tenant_id set default gen_random_uuid()",
      /album.*default/,
    ],
    ["row security", "alter table album enable row level security", /row security/],
    [
      "a trigger",
      "create function f() returns trigger language plpgsql as 'begin return new; end'; create trigger tr before insert on album for each row execute function f()",
      /trigger tr/,
    ],
    ["inheritance", "create table child () inherits (artist)", /inheritance/],
    [
      "a partition by itself",
      "create table p (tenant_id uuid) partition by list (tenant_id); create table p1 partition of p default",
      /p1.*partition/,
      { tables: ["p1"] },
    ],
    ["a view", "create view v as select 1", /not a table/, { tables: [], shared: ["v"] }],
    ["a table in both lists", "", /both/, { tables: ["genre"], shared: ["genre"] }],
    ["half a shard", "", /shardCount/, { tables: ["artist"], shardCount: 1.5 }],
  ])("refuses %s", async (_name, ddl, message, options = OPTIONS) => {
    const client = await site(`${SHOP} ${ddl}`);
    await expect(planCitus(client, options)).rejects.toMatchObject({
      code: "PW_CONFIG",
      message: expect.stringMatching(message) as string,
    });
  });
});
