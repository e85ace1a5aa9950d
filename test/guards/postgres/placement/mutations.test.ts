import { afterEach, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { mutant, type Cut } from "../attacks/mutant.js";
import { buildTown, type Town } from "./town.js";

const OWN = "select note from orders order by id";

/** What a text was answered; nothing where it was refused. */
const answered = async (asking: Promise<unknown>): Promise<string[]> => {
  try {
    const answer = (await asking) as Record<string, unknown>[] | { rows: unknown[] };
    return [JSON.stringify("rows" in answer ? answer.rows : answer)];
  } catch (error) {
    expect(error).toMatchObject({ code: expect.any(String) as string });
    return [];
  }
};

/** Attacks on what keeps tenants apart who live elsewhere; each returns what got through. */
const PROBES = {
  /** Reads and writes a sibling's table by its qualified name. */
  siblingsTable: async (town: Town) => {
    const sibling = `${town.homes["dan"]}.orders`;
    const read = await town.as("carla", `select note from ${sibling}`);
    const written = await answered(
      town.as("carla", `update ${sibling} set note = 'gone' returning note`),
    );
    return [...read.map(({ note }) => String(note)), ...written.filter((rows) => rows !== "[]")];
  },
  /** Reads and writes the shared tables from a schema of its own. */
  sharedTables: async (town: Town) => [
    ...(await answered(town.as("carla", "select note from public.orders"))),
    ...(await answered(
      town.as("carla", "insert into public.orders (id) values (70) returning id"),
    )),
  ],
  /** Is served by the shared schema what its own, closed under the process, would have answered. */
  closedSchema: async (town: Town) => {
    const home = town.homes["carla"]!;
    await town.eye("carla").query(`revoke usage on schema ${home} from ${town.roles.app}`);
    return answered(town.as("carla", "select name from plans"));
  },
  /** Writes another tenant's id into its own table. */
  foreignId: async (town: Town) => [
    ...(await answered(
      town.as("dan", "insert into orders (tenant_id, id) values ($1, 71) returning id", [
        town.id("carla"),
      ]),
    )),
  ],
  /** Is let into a database that is another tenant's. */
  othersDatabase: async (town: Town) => {
    await town
      .eye("fred")
      .query(
        `comment on database ${town.database.name}_fred is 'partywall: home of tenant ${town.id("gus")}'`,
      );
    return answered(town.as("fred", OWN));
  },
  /** Uses a connection that was taken for another tenant, to that tenant's database. */
  othersConnection: async (town: Town) => {
    const client = await town.pw.run({ slug: "fred" }, () => town.pool.connect());
    try {
      return await answered(town.pw.run({ slug: "gus" }, () => client.query(OWN)));
    } finally {
      client.release(true);
    }
  },
  /** Sends the same text for tenants whose tables differ, as a statement that was prepared for another. */
  sameText: async (town: Town) => {
    await town.eye("dan").query(`alter table ${town.homes["dan"]}.orders add column extra text`);
    const failed: string[] = [];
    for (const slug of ["carla", "carla", "dan", "dan", "carla", "dan"]) {
      await town.pw.run({ slug }, async () => {
        const client = await town.pool.connect();
        try {
          await client.query("begin");
          const { rows } = await client.query("select * from orders where id = 1");
          if ("extra" in rows[0] !== (slug === "dan")) failed.push(`${slug}: another's columns`);
          await client.query("commit");
        } catch (error) {
          failed.push(`${slug}: ${(error as { code?: string }).code}`);
          await client.query("rollback");
        } finally {
          client.release();
        }
      });
    }
    return failed;
  },
};
type ProbeName = keyof typeof PROBES;

const CLIENT = "guards/postgres/client.ts";
const SEAL = "guards/postgres/ddl/seal-sql.ts";

interface Mutation {
  /** What is taken away. */
  readonly gone: string;
  /** What must get through then. */
  readonly probe: ProbeName;
  /** SQL of the superuser that takes it away. */
  readonly sql?: (town: Town) => string;
  /** Source that is cut out. */
  readonly cuts?: readonly Cut[];
}

const MUTATIONS: readonly Mutation[] = [
  {
    gone: "the policy of a schema's table",
    probe: "siblingsTable",
    sql: (town) => `drop policy partywall_home on ${town.homes["dan"]}.orders`,
  },
  {
    gone: "row security of a schema's table",
    probe: "siblingsTable",
    sql: (town) => `alter table ${town.homes["dan"]}.orders disable row level security`,
  },
  {
    gone: "the refusal of those who do not live here",
    probe: "sharedTables",
    cuts: [
      {
        file: SEAL,
        find: /pg_catalog\.left\(v, \$\{MARK_LENGTH\}\) operator\(pg_catalog\.=\) '\$\{markOf\(kind\)\}'/,
        replace: "v operator(pg_catalog.<>) ''",
      },
      {
        file: SEAL,
        find: /if pg_catalog\.left\(t, 1\) operator\(pg_catalog\.<>\) '\$\{kind\}' then/,
        replace: "if false then",
      },
    ],
  },
  {
    gone: "the look at the schema on entering",
    probe: "closedSchema",
    cuts: [
      {
        file: SEAL,
        find: /if pg_catalog\.to_regnamespace\(pg_catalog\.quote_ident\(home\)\) is null\s+or not pg_catalog\.has_schema_privilege\(.*'usage'\) then/,
        replace: "if false then",
      },
    ],
  },
  {
    gone: "the constraint on the tenant column",
    probe: "foreignId",
    sql: (town) => `alter table ${town.homes["dan"]}.orders drop constraint partywall_home`,
  },
  {
    gone: "the proof of a database's mark",
    probe: "othersDatabase",
    cuts: [
      { file: CLIENT, find: /await assertHome\(send, tenantId, office\.host\);/, replace: "" },
    ],
  },
  {
    gone: "the check of a connection's place",
    probe: "othersConnection",
    cuts: [
      {
        file: CLIENT,
        find: /ticket\.place !== undefined && ticket\.place\.key !== this\.#place\.key/,
        replace: "false",
      },
    ],
  },
  {
    gone: "the schema in what a prepared statement is kept by",
    probe: "sameText",
    cuts: [
      {
        file: CLIENT,
        find: /schema === undefined \? text : `\$\{schema\}\\0\$\{text\}`/,
        replace: "text",
      },
    ],
  },
];

for (const seal of ["parameter", "mac"] as const) {
  describeEngine("postgres", `attacks on tenants placed apart, under the ${seal} seal`, () => {
    let town: Town | undefined;
    let remove: (() => Promise<void>) | undefined;
    afterEach(async () => {
      await town?.close();
      await remove?.();
      town = remove = undefined;
    });

    const build = async (cuts: readonly Cut[] = []) => {
      const made = cuts.length > 0 ? await mutant(cuts) : undefined;
      remove = made?.remove;
      town = await buildTown(
        [
          { slug: "anna", strategy: "row" },
          { slug: "carla", strategy: "schema" },
          { slug: "dan", strategy: "schema" },
          { slug: "fred", strategy: "database" },
          { slug: "gus", strategy: "database" },
        ],
        {
          seal,
          max: 1,
          guard: { preparedStatements: true, budget: { waitMs: 500 } },
          ...(made && { code: made.code }),
        },
      );
      return town;
    };

    test.each(Object.entries(PROBES))(
      "%s finds nothing where every guard stands",
      async (_, probe) => {
        expect(await probe(await build())).toEqual([]);
      },
    );

    for (const { gone, probe, sql, cuts } of MUTATIONS) {
      test(`${probe} gets through without ${gone}`, async () => {
        const built = await build(cuts);
        if (sql) await built.eye("dan").query(sql(built));
        expect(await PROBES[probe](built)).not.toEqual([]);
      });
    }
  });
}
