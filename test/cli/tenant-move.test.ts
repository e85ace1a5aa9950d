import { randomUUID } from "node:crypto";
import { applyWall } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { testDatabase, urlAs, withClient, type TestDatabase } from "../support/postgres.js";
import { buildShop, type Shop } from "./shop.js";

const ORDERS =
  "orders (tenant_id uuid not null, id int not null, note text, primary key (tenant_id, id))";
const LITERAL = "literal-77-password";

const HOMES = `
import { provisioner } from "partywall/tenants";

if (process.env["LEAK"]) throw new Error("the password is ${LITERAL}");
export const homes = provisioner(pg, {
  admin: REGISTRY_URL,
  servers: { east: process.env["EAST_URL"] },
  roles: { app: process.env["APP_ROLE"]!, system: process.env["SYSTEM_ROLE"]! },
  migrate: async ({ connection }) => {
    if (process.env["SLOW"]) {
      console.log("the migrator is at work");
      await new Promise((done) => process.once("SIGINT", done));
    }
    const client = new pg.Client(connection);
    await client.connect();
    await client.query("create table if not exists ${ORDERS}");
    await client.end();
  },
});
`;

/** What a run with `--json` printed. */
const told = (outcome: { readonly stdout: string; readonly stderr: string }) => {
  if (outcome.stdout === "") throw new Error(outcome.stderr);
  return JSON.parse(outcome.stdout) as Record<string, unknown> & {
    readonly tables: readonly { readonly rows: number; readonly checksum: string }[];
  };
};

describeEngine("postgres", "partywall tenant move", () => {
  let shop: Shop;
  let east: TestDatabase;
  const [acme, copy, far] = [randomUUID(), randomUUID(), randomUUID()];
  let home = "";
  const run = (line: string, env: Record<string, string> = {}) =>
    shop.project.run(["tenant", ...line.split(" ")], {
      PARTYWALL_DATABASE_URL: shop.database.url,
      ...env,
    });
  const seen = (url: string, table: string, id: string) =>
    withClient(url, async (client) => {
      const { rows } = await client.query(
        `select id, note from ${table} where tenant_id = $1 order by id`,
        [id],
      );
      return rows as unknown[];
    });
  const inDatabase = (name: string) => urlAs(shop.database.url, { database: name });
  const there = async (sql: string, name: string) => (await shop.rows(sql, [name])).length > 0;
  const isSchema = (name: string) => there("select from pg_namespace where nspname = $1", name);
  const isDatabase = (name: string) => there("select from pg_database where datname = $1", name);
  const sumsOf = async (file: string) => {
    const { tables } = told(await run(`export acme --out ${file} --json`));
    return tables.map(({ rows, checksum }) => ({ rows, checksum }));
  };

  beforeAll(async () => {
    shop = await buildShop();
    east = await testDatabase();
    home = `${shop.database.name}_acme`;
    const { project, roles, owner } = shop;
    await withClient(east.url, async (client) => {
      await client.query(`create table ${ORDERS}`);
      await applyWall(client, { roles: { ...roles, owner }, tables: ["orders"] });
    });
    const { password } = new URL(shop.login(roles.app));
    const decoded = decodeURIComponent(password);
    Object.assign(project.env, {
      EAST_URL: east.url,
      EAST_APP: urlAs(east.url, { user: roles.app, password: decoded }),
      EAST_SYSTEM: urlAs(east.url, { user: roles.system, password: decoded }),
    });
    project.secrets.push(LITERAL);
    const entry = await project.read("src/tenancy.ts");
    const alone = entry.replace(
      "system: SYSTEM_URL,",
      'system: SYSTEM_URL, servers: { east: { app: process.env["EAST_APP"], system: process.env["EAST_SYSTEM"] } },',
    );
    await project.write("src/homeless.ts", alone);
    await project.write(
      "src/guardless.ts",
      entry.replace(/ {2}postgres: .*\n/, "").replace(/export const pool.*/, ""),
    );
    await project.write(
      "src/tenancy.ts",
      alone
        .replace("export const pw", `${HOMES}\nexport const pw`)
        .replace(
          "secret: PARTYWALL_SECRET,",
          "secret: PARTYWALL_SECRET, provision: homes.provision,",
        ),
    );
    const config = await project.read("partywall.config.ts");
    await project.write(
      "partywall.config.ts",
      config.replace(
        "postgres: {",
        `postgres: { servers: { east: { url: process.env["EAST_URL"] }, west: { url: "postgres://w:${LITERAL}@127.0.0.1:1/w" } },`,
      ),
    );
    await project.write("serverless.config.ts", config);
    for (const name of ["homeless", "guardless"]) {
      await project.write(`${name}.config.ts`, config.replace("tenancy.ts", `${name}.ts`));
    }
    for (const [id, line] of [
      [acme, "create --slug acme --name Acme"],
      [copy, "create --slug copy --name Copy --strategy schema"],
      [far, "create --slug far --name Far --server east"],
    ]) {
      const made = await run(`${line} --id ${id}`);
      if (made.code !== 0) throw new Error(made.stderr);
    }
    await shop.rows(
      "insert into orders select $1, n, 'order ' || n from generate_series(1, 2500) n",
      [acme],
    );
    await withClient(east.url, (client) =>
      client.query("insert into orders values ($1, 1, 'far away')", [far]),
    );
  }, 120_000);
  afterAll(async () => {
    for (const name of [home, `${home}_two`]) {
      await shop?.rows(`drop database if exists ${name} with (force)`);
    }
    await east?.drop();
    await shop?.close();
  });

  test("wrong input is named with the flag and the remedy, and nothing is begun", async () => {
    for (const [line, code, message] of [
      ["move acme", 2, "--strategy is missing"],
      ["move acme --strategy rows", 2, "--strategy takes row, schema, database"],
      ["move acme --strategy row --home t_x", 2, "--home and --secret are for"],
      ["move acme --strategy row", 1, "lives there already"],
      ["move acme --strategy row --server default", 1, "lives there already"],
      ["move acme --strategy row --server north", 2, "Set postgres.servers.north.url"],
      ["move nobody --strategy schema", 1, "There is no tenant"],
      ["move acme --strategy schema --hold-ms 0", 2, "--hold-ms takes a whole number"],
      [
        "move acme --strategy schema --config homeless.config.ts",
        2,
        "exports no provisioner as `homes`",
      ],
      [
        "move acme --strategy row --server east --config guardless.config.ts",
        2,
        "no guard of PostgreSQL",
      ],
      ["move-confirm acme --confirm acme", 1, "has no old copy to remove"],
      ["move-give-up acme --confirm acme", 1, "is not being moved"],
      [
        "export far --out far.ndjson --config serverless.config.ts",
        2,
        "Set postgres.servers.east.url",
      ],
      [
        `export far --out far.ndjson --url ${shop.database.url}`,
        2,
        "--url names a database of the default server",
      ],
    ] as const) {
      const outcome = await run(line);
      expect(outcome.code, `${line}: ${outcome.stderr}`).toBe(code);
      expect(outcome.stderr).toContain(message);
    }
    const unnamed = await run("move acme --strategy schema", { PARTYWALL_DATABASE_URL: "" });
    expect(unnamed).toMatchObject({ code: 2 });
    expect(unnamed.stderr).toContain("Add --url <url>, or set PARTYWALL_DATABASE_URL");
    // The run itself looks for the secret.
    const leak = await run("list", { LEAK: "yes" });
    expect(leak.stderr).toContain("the password is [redacted]");
    expect(await shop.rows("select from partywall.moves")).toEqual([]);
  }, 120_000);

  test("a tenant in rows is exported, moved to a schema and to a database, and stays the same", async () => {
    const rows = await seen(shop.database.url, "orders", acme);
    expect(rows).toHaveLength(2500);
    const sums = await sumsOf("rows.ndjson");
    const moved = told(await run("move acme --strategy schema --json"));
    expect(moved).toEqual({
      tenantId: acme,
      from: { strategy: "row" },
      to: { strategy: "schema", name: expect.stringMatching(/^t_acme_[0-9a-f]{16}$/) },
      tables: [{ table: "public.orders", ...sums[0] }],
      changes: 0,
      pauseMs: expect.any(Number),
    });
    const { name } = moved["to"] as { name: string };
    expect(await seen(shop.database.url, `${name}.orders`, acme)).toEqual(rows);
    expect(await sumsOf("schema.ndjson")).toEqual(sums);

    const early = await run(`move acme --strategy database --home ${home}`);
    expect(early.code).toBe(1);
    expect(early.stderr).toContain("tenant move-confirm acme");
    const late = await run("move-give-up acme --confirm acme");
    expect(late.code).toBe(1);
    expect(late.stderr).toContain("lives at its new place already");
    for (const flags of ["", " --yes", " --confirm copy"]) {
      expect(await run(`move-confirm acme${flags}`)).toMatchObject({ code: 2 });
    }
    expect(await seen(shop.database.url, "orders", acme)).toEqual(rows);
    expect(told(await run("move-confirm acme --confirm acme --json"))).toEqual({
      tenantId: acme,
      removed: { strategy: "row" },
      placement: moved["to"],
    });
    expect(await seen(shop.database.url, "orders", acme)).toEqual([]);

    const second = await run(`move acme --strategy database --home ${home}`);
    expect(second, second.stderr).toMatchObject({ code: 0 });
    expect(second.stdout).toContain("2500 rows of 1 tables moved, and compared.");
    expect(second.stdout).toMatch(/Writes were held for \d+ ms\./);
    expect(second.stdout).toContain(
      `acme lives in database ${home}. Its old copy is kept: schema ${name}.`,
    );
    expect(second.stdout).toContain("partywall tenant move-confirm acme");
    expect(await isSchema(name)).toBe(true);
    expect((await run("move-confirm acme --confirm acme")).stdout).toContain(
      `removed: schema ${name}.`,
    );
    expect(await isSchema(name)).toBe(false);
    expect(await seen(inDatabase(home), "orders", acme)).toEqual(rows);
    expect(await sumsOf("database.ndjson")).toEqual(sums);
  }, 120_000);

  test("its archive comes into a schema of another tenant", async () => {
    const outcome = await run("import copy --in database.ndjson");
    expect(outcome.stdout, outcome.stderr).toContain("2500 rows of 1 tables brought in for copy");
    const { placement } = told(await run("show copy --json")) as unknown as {
      placement: { name: string };
    };
    expect(await seen(shop.database.url, `${placement.name}.orders`, copy)).toEqual(
      await seen(inDatabase(home), "orders", acme),
    );
  });

  test("a home cannot be moved onto itself, which would empty it", async () => {
    const rows = await seen(inDatabase(home), "orders", acme);
    const onto = await run(`move acme --strategy database --home ${home} --secret other`);
    expect(onto.code).toBe(1);
    expect(onto.stderr).toContain("lives there already");
    expect(await seen(inDatabase(home), "orders", acme)).toEqual(rows);
  });

  test("a tenant of a further server is exported and moved there", async () => {
    expect(await run("export far --out far.ndjson")).toMatchObject({ code: 0 });
    expect(await shop.project.read("far.ndjson")).toContain("far away");
    const moved = told(await run("move far --strategy schema --server east --home t_far --json"));
    expect(moved["to"]).toEqual({ strategy: "schema", server: "east", name: "t_far" });
    expect(await seen(east.url, "t_far.orders", far)).toHaveLength(1);
    expect(await run("move-confirm far --confirm far")).toMatchObject({ code: 0 });
    expect(await seen(east.url, "orders", far)).toEqual([]);
  });

  test("Ctrl-C stops it; the same command goes on, or it is given up", async () => {
    const [, name] = [await run("suspend copy --confirm copy"), "t_far_two"];
    const line = `move far --strategy schema --server east --home ${name}`;
    for (const next of ["give-up", "go on"]) {
      const going = shop.project.start(["tenant", ...line.split(" ")], {
        PARTYWALL_DATABASE_URL: shop.database.url,
        SLOW: "yes",
      });
      await going.printed("the migrator is at work");
      going.child.kill("SIGINT");
      const stopped = await going.ended;
      expect(stopped.code, stopped.stderr).toBe(130);
      expect(stopped.stderr).toContain(`To go on: partywall tenant ${line}`);
      expect(stopped.stderr).toContain("To take it back: partywall tenant move-give-up far");
      expect(await seen(east.url, "t_far.orders", far)).toHaveLength(1);
      const early = await run("move-confirm far --confirm far");
      expect(early.code).toBe(1);
      expect(early.stderr).toContain("has not ended, so nothing was removed");
      if (next === "give-up") {
        expect(told(await run("move-give-up far --confirm far --json"))).toEqual({
          tenantId: far,
          removed: { strategy: "schema", server: "east", name },
          placement: { strategy: "schema", server: "east", name: "t_far" },
        });
        expect(
          await withClient(east.url, async (client) => {
            const { rows } = await client.query("select from pg_namespace where nspname = $1", [
              name,
            ]);
            return rows;
          }),
        ).toEqual([]);
      } else {
        expect(await run(line)).toMatchObject({ code: 0 });
        expect(await seen(east.url, `${name}.orders`, far)).toHaveLength(1);
        expect(await run("move-confirm far --confirm far")).toMatchObject({ code: 0 });
      }
    }
  }, 120_000);

  test("a tenant that has two copies is not erased", async () => {
    const kept = `move acme --strategy database --home ${home}_two`;
    expect(await run(kept)).toMatchObject({ code: 0 });
    await run("suspend acme --confirm acme");
    const refused = await run("erase acme --confirm acme");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`its old copy is still kept: database ${home}.`);
    expect(await isDatabase(`${home}_two`)).toBe(true);
    await run("restore acme");
    expect(await run("move-confirm acme --confirm acme")).toMatchObject({ code: 0 });
    expect(await run(`move acme --strategy database --home ${home}`)).toMatchObject({ code: 0 });
    expect(await run("move-confirm acme --confirm acme")).toMatchObject({ code: 0 });
    expect(await isDatabase(`${home}_two`)).toBe(false);
  }, 60_000);

  test("erase drops a tenant's own schema or database, once it is confirmed", async () => {
    const dry = await run("erase copy --dry-run");
    expect(dry.stdout).toContain("2500 rows of 1 tables would go.");
    expect(dry.stdout).toMatch(/schema t_copy_[0-9a-f]+ would be dropped/);
    const gone = told(await run("erase copy --confirm copy --json"));
    expect(gone).toMatchObject({ clean: true, strategy: "schema" });
    expect(await isSchema((gone["dropped"] as string[])[0]!)).toBe(false);
    await run("suspend acme --confirm acme");
    expect(await run("erase acme --confirm copy")).toMatchObject({ code: 2 });
    expect(await isDatabase(home)).toBe(true);
    const database = told(await run("erase acme --confirm acme --json"));
    expect(database).toMatchObject({ clean: true, strategy: "database", dropped: [home] });
    expect(await isDatabase(home)).toBe(false);
    expect(await isDatabase(shop.database.name)).toBe(true);
  }, 60_000);
});
