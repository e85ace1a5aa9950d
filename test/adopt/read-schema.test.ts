import { readFileSync } from "node:fs";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSchema } from "../../src/adopt/read-schema.js";
import type { ObjectName, Schema, Table, View } from "../../src/adopt/schema.js";
import { dataPath, describeData } from "../support/data.js";
import { describeEngine } from "../support/engine.js";
import { testDatabase, urlAs, withClient, type TestDatabase } from "../support/postgres.js";
import { dropRoles, repeated } from "../support/roles.js";
import { LONG, OWNED_BY_EXTENSION, traits } from "./traits.js";

const ODD = "Ümläut Schema";
const called = <T extends { readonly name: string }>(items: readonly T[], name: string): T => {
  const found = items.find((item) => item.name === name);
  if (!found)
    throw new Error(`there is no ${name} among ${items.map((item) => item.name).join(", ")}`);
  return found;
};
const full = ({ schema, name }: ObjectName) => `${schema}.${name}`;

describeEngine("postgres", "reading a schema", () => {
  let database: TestDatabase;
  let client: pg.Client;
  let schema: Schema;
  const table = (name: string): Table => called(schema.tables, name);
  const view = (name: string): View => called(schema.views, name);

  beforeAll(async () => {
    database = await testDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query("set allow_in_place_tablespaces = on");
    await client.query(`create tablespace ${database.name}_space location ''`);
    await repeated(() => client.query(traits(database.name)));
    await client.query(OWNED_BY_EXTENSION);
    // None of this may show in what is read.
    await client.query(`set search_path = shop, elsewhere, public; set datestyle = 'SQL, DMY'; set timezone = 'UTC';
      set quote_all_identifiers = on; set standard_conforming_strings = off`);
    pg.types.setTypeParser(114, () => "not parsed");
    schema = await readSchema(client, ["shop", ODD]);
    pg.types.setTypeParser(114, (text) => JSON.parse(text) as unknown);
  });

  afterAll(async () => {
    const reader = quoted(`${database.name} reader`);
    await repeated(() => client.query(`drop owned by ${reader} cascade; drop role ${reader}`));
    await client.end();
    await database.drop();
    await withClient(urlAs(database.url, { database: "postgres" }), (other) =>
      other.query(`drop tablespace ${database.name}_space`),
    );
    await dropRoles(database);
  });

  test("says where it was read and by whom", async () => {
    const { rows } = await client.query("select version(), current_user as login");
    expect(String(rows[0].version)).toContain(`PostgreSQL ${Math.floor(schema.version / 10_000)}.`);
    expect(schema).toMatchObject({
      database: database.name,
      login: rows[0].login,
      isSuperuser: true,
      extensions: { installed: ["btree_gist", "citext", "pg_trgm", "plpgsql"] },
      publicationsOfAll: ["of_all"],
    });
    expect(schema.extensions.available).toEqual(expect.arrayContaining(["citext", "hstore"]));
  });

  test("leaves the client's settings and transaction as they were", async () => {
    const { rows } = await client.query(
      `select current_setting('search_path') as path, current_setting('transaction_read_only') as "readOnly",
       now() = statement_timestamp() as alone`,
    );
    expect(rows).toEqual([{ path: "shop, elsewhere, public", readOnly: "off", alone: true }]);
  });

  test("has the tables of the schemas and their descendants elsewhere, parents first", () => {
    expect(schema.tables.map(full)).toEqual([
      "shop.parted",
      "shop.a_north",
      "elsewhere.north_2024",
      "shop.z_parent",
      "shop.a_child",
      "shop.columns",
      "shop.guarded",
      "shop.indexes",
      "shop.of_extension",
      "shop.referenced",
      "shop.refers",
      "shop.refers_to_parted",
      "shop.south",
      "shop.typed",
      `${ODD}.Größe`,
      `${ODD}.${LONG}`,
    ]);
  });

  test("tells tables, partitions and children apart", () => {
    expect(table("parted")).toMatchObject({ kind: "partitioned", partitionOf: null, inherits: [] });
    expect(table("a_north")).toMatchObject({
      kind: "partitioned",
      partitionOf: { schema: "shop", name: "parted" },
      inherits: [],
    });
    expect(table("north_2024")).toMatchObject({
      kind: "table",
      partitionOf: { schema: "shop", name: "a_north" },
    });
    expect(table("a_child")).toMatchObject({
      kind: "table",
      partitionOf: null,
      inherits: [{ schema: "shop", name: "z_parent" }],
    });
  });

  test("has a table's comment, extension, size and owner", () => {
    expect(table("columns")).toMatchObject({
      comment: `it's "columns"`,
      extension: null,
      ofType: null,
      estimatedRows: -1,
    });
    expect(table("typed").ofType).toBe("shop.shape");
    expect(table("of_extension").extension).toBe("citext");
    expect(table("guarded").owner).toBe(`${database.name}_owner`);
    expect(table("indexes").bytes).toBeGreaterThan(0);
    expect(table("parted").bytes).toBe(0);
  });

  test("has every kind of column, its default valid under any search path", () => {
    const plain = {
      notNull: false,
      default: null,
      identity: null,
      generated: false,
      sequence: null,
    };
    const sequence = (name: string) => ({ schema: "shop", name });
    expect(table("columns").columns).toEqual([
      {
        ...plain,
        name: "always",
        type: "bigint",
        notNull: true,
        identity: "always",
        sequence: sequence("columns_always_seq"),
      },
      {
        ...plain,
        name: "by_default",
        type: "integer",
        notNull: true,
        identity: "by default",
        sequence: sequence("columns_by_default_seq"),
      },
      {
        ...plain,
        name: "serial",
        type: "bigint",
        notNull: true,
        default: "nextval('shop.columns_serial_seq'::regclass)",
        sequence: sequence("columns_serial_seq"),
      },
      {
        ...plain,
        name: "ticket",
        type: "bigint",
        notNull: true,
        default: "nextval('elsewhere.tickets'::regclass)",
        sequence: { schema: "elsewhere", name: "tickets" },
      },
      {
        ...plain,
        name: "label",
        type: "text",
        default: "('T-'::text || currval('elsewhere.tickets'::regclass))",
      },
      { ...plain, name: "amount", type: "numeric(10,2)", notNull: true, default: "0" },
      {
        ...plain,
        name: "doubled",
        type: "numeric",
        default: "(amount * (2)::numeric)",
        generated: true,
      },
      {
        ...plain,
        name: "since",
        type: "timestamp with time zone",
        default: "'2024-02-01 00:00:00+00'::timestamp with time zone",
      },
      { ...plain, name: "mail", type: "elsewhere.citext" },
      { ...plain, name: "names", type: "character varying(40)[]" },
    ]);
  });

  test("spells names as the catalogue does", () => {
    expect(table("Größe").columns.map(({ name }) => name)).toEqual([`Straße "x"`, LONG]);
    expect(table("Größe").indexes[0]?.keys).toEqual([
      { column: `Straße "x"`, definition: `"Straße ""x"""`, options: "" },
    ]);
  });

  test("has an index's traits", () => {
    const { indexes } = table("indexes");
    expect(called(indexes, "indexes_key")).toEqual({
      name: "indexes_key",
      isUnique: true,
      isPrimary: true,
      isExclusion: false,
      isValid: true,
      isReplicaIdentity: true,
      isClustered: true,
      nullsNotDistinct: false,
      method: "btree",
      keys: [{ column: "id", definition: "id", options: "" }],
      include: [],
      predicate: null,
      storage: [],
      tablespace: null,
      comment: "the key",
      definition: "CREATE UNIQUE INDEX indexes_key ON shop.indexes USING btree (id)",
      constraint: {
        name: "indexes_key",
        deferrable: false,
        deferred: false,
        comment: null,
        definition: "PRIMARY KEY (id)",
        isInherited: false,
        withoutOverlaps: false,
        operators: [],
      },
      parent: null,
    });
    expect(called(indexes, "lower_email")).toMatchObject({
      isUnique: true,
      isPrimary: false,
      keys: [{ column: null, definition: "lower(email)", options: "" }],
      predicate: "(deleted IS NULL)",
      constraint: null,
    });
    expect(called(indexes, "with_include")).toMatchObject({
      include: ["name", "id"],
      nullsNotDistinct: true,
      storage: ["fillfactor=70"],
    });
    expect(called(indexes, "one_body").constraint).toMatchObject({
      deferrable: true,
      deferred: true,
      comment: "one",
    });
    expect(called(indexes, "rooms")).toMatchObject({
      isExclusion: true,
      isUnique: false,
      method: "gist",
      predicate: "(NOT deleted)",
      constraint: { operators: ["=", "&&"] },
    });
    expect(called(indexes, "mails").constraint).toMatchObject({
      operators: ["OPERATOR(elsewhere.=)"],
    });
    expect(called(indexes, "in_space").tablespace).toBe(`${database.name}_space`);
    expect(table("indexes").replicaIdentity).toBe("index");
  });

  test("has a key's collation, operator class and order where they are not the defaults", () => {
    const options = (name: string) =>
      called(table("indexes").indexes, name).keys.map((key) => key.options);
    expect(options("in_order")).toEqual(["DESC", "NULLS FIRST", "DESC NULLS LAST"]);
    expect(options("collated")).toEqual([
      `COLLATE "C"`,
      "",
      `COLLATE "default"`,
      `COLLATE "POSIX"`,
      "COLLATE elsewhere.numeric_first",
      // Its own, which is named elsewhere in the index: needless, and right.
      `COLLATE "C"`,
    ]);
    expect(options("classed")).toEqual([
      "text_pattern_ops",
      "",
      "text_ops",
      // Its own likewise.
      "text_ops",
      "bpchar_pattern_ops",
    ]);
    expect(options("trigrams")).toEqual([
      "elsewhere.gist_trgm_ops (siglen='32')",
      "elsewhere.gist_trgm_ops",
    ]);
    expect(options("words")).toEqual(["", ""]);
  });

  test("has all of an index in its parts: made anew from them it is the same", async () => {
    await withClient(database.url, async (other) => {
      await other.query("begin; set local search_path = pg_catalog");
      for (const { indexes, ...on } of schema.tables) {
        for (const index of indexes.filter(({ isExclusion, parent }) => !isExclusion && !parent)) {
          const keys = index.keys.map(({ definition, options }) => `${definition} ${options}`);
          const { rows } = await other.query(
            `select pg_get_indexdef(i.indexrelid) as definition, i.indclass, i.indoption, i.indcollation
             from pg_index i where indexrelid = $1::regclass`,
            [`${quoted(on.schema)}.${quoted(index.name)}`],
          );
          await other.query(
            `create ${index.isUnique ? "unique" : ""} index anew on ${quoted(on.schema)}.${quoted(on.name)}
             using ${index.method} (${keys.join(", ")})
             ${index.include.length > 0 ? `include (${index.include.map(quoted).join(", ")})` : ""}
             ${index.nullsNotDistinct ? "nulls not distinct" : ""}
             ${index.storage.length > 0 ? `with (${index.storage.join(", ")})` : ""}
             ${index.predicate ? `where ${index.predicate}` : ""}`,
          );
          const anew = await other.query(
            `select pg_get_indexdef(i.indexrelid) as definition, i.indclass, i.indoption, i.indcollation
             from pg_index i where indexrelid = $1::regclass`,
            [`${quoted(on.schema)}.anew`],
          );
          expect({
            ...anew.rows[0],
            definition: anew.rows[0].definition.replace(
              "anew",
              rows[0].definition.match(/INDEX (.*?) ON/)[1],
            ),
          }).toEqual(rows[0]);
          await other.query(`drop index ${quoted(on.schema)}.anew`);
        }
      }
      await other.query("rollback");
    });
  });

  test("follows the indexes of partitions to their parents'", () => {
    const index = called(table("a_north").indexes, "a_north_pkey");
    expect(index.parent).toEqual({ schema: "shop", name: "parted_pkey" });
    expect(index.constraint?.isInherited).toBe(true);
    expect(called(table("north_2024").indexes, "north_2024_id_idx").parent).toEqual({
      schema: "shop",
      name: "a_north_id_idx",
    });
    expect(called(table("parted").indexes, "parted_pkey")).toMatchObject({
      parent: null,
      constraint: { isInherited: false },
    });
  });

  test("has foreign keys with every action", () => {
    const { foreignKeys } = table("refers");
    const referenced = { schema: "shop", name: "referenced" };
    const plain = {
      references: referenced,
      onDelete: "no action",
      onDeleteColumns: [],
      onUpdate: "no action",
      match: "simple",
      deferrable: false,
      deferred: false,
      isValidated: true,
      isEnforced: true,
      hasPeriod: false,
      comment: null,
      isInherited: false,
    };
    expect(foreignKeys).toEqual([
      {
        ...plain,
        name: "c_columns",
        columns: ["b", "a"],
        referencedColumns: ["b", "a"],
        onDelete: "set null",
        onDeleteColumns: ["a"],
        definition: "FOREIGN KEY (b, a) REFERENCES shop.referenced(b, a) ON DELETE SET NULL (a)",
      },
      {
        ...plain,
        name: "c_default",
        columns: ["a"],
        referencedColumns: ["a"],
        onDelete: "set default",
        onUpdate: "set null",
        deferrable: true,
        deferred: true,
        definition:
          "FOREIGN KEY (a) REFERENCES shop.referenced(a) ON UPDATE SET NULL ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED",
      },
      {
        ...plain,
        name: "c_full",
        columns: ["a", "b"],
        referencedColumns: ["a", "b"],
        onDelete: "cascade",
        onUpdate: "restrict",
        match: "full",
        definition:
          "FOREIGN KEY (a, b) REFERENCES shop.referenced(a, b) MATCH FULL ON UPDATE RESTRICT ON DELETE CASCADE",
      },
      {
        ...plain,
        name: "c_late",
        columns: ["a"],
        referencedColumns: ["a"],
        isValidated: false,
        definition: "FOREIGN KEY (a) REFERENCES shop.referenced(a) NOT VALID",
      },
      {
        ...plain,
        name: "c_plain",
        columns: ["b"],
        referencedColumns: ["b"],
        definition: "FOREIGN KEY (b) REFERENCES shop.referenced(b)",
      },
      {
        ...plain,
        name: "c_self",
        columns: ["up"],
        references: { schema: "shop", name: "refers" },
        referencedColumns: ["c"],
        comment: "up",
        definition: "FOREIGN KEY (up) REFERENCES shop.refers(c)",
      },
    ]);
  });

  test("tells the foreign key that was declared from those PostgreSQL made of it", () => {
    const { foreignKeys } = table("refers_to_parted");
    expect(foreignKeys.filter(({ isInherited }) => !isInherited)).toMatchObject([
      { columns: ["region", "day", "id"], references: { schema: "shop", name: "parted" } },
    ]);
    expect(foreignKeys.map(({ references }) => full(references)).toSorted()).toEqual([
      "elsewhere.north_2024",
      "shop.a_north",
      "shop.parted",
      "shop.south",
    ]);
  });

  test("has the foreign keys that other tables point here with", () => {
    expect(schema.foreignKeysFromOutside).toMatchObject([
      {
        table: { schema: "elsewhere", name: "outsider" },
        foreignKey: {
          name: "outsider_id_fkey",
          columns: ["id"],
          references: { schema: "shop", name: "z_parent" },
        },
      },
    ]);
  });

  test("has checks, and whether they are inherited", () => {
    expect(table("refers").checks).toEqual([
      { name: "c_check", definition: "CHECK ((a > 0)) NOT VALID", isInherited: false },
    ]);
    expect(table("z_parent").checks).toMatchObject([{ isInherited: false }]);
    expect(table("a_child").checks).toMatchObject([{ isInherited: true }]);
  });

  test("has policies and whether they are in force", () => {
    expect(table("guarded").rowSecurity).toBe("forced");
    expect(table("a_child").rowSecurity).toBe("enabled");
    expect(table("refers").rowSecurity).toBe("off");
    expect(table("guarded").policies).toEqual([
      {
        name: "everybody",
        isPermissive: true,
        command: "ALL",
        roles: ["public"],
        using: "shown",
        withCheck: null,
      },
      {
        name: "just me",
        isPermissive: false,
        command: "INSERT",
        roles: [`${database.name}_owner`, `${database.name} reader`],
        using: null,
        withCheck: "(id > 0)",
      },
    ]);
  });

  test("has triggers and rules", () => {
    expect(table("guarded").triggers).toEqual([
      {
        name: "stamp",
        function: { schema: "shop", name: "stamp" },
        isSecurityDefiner: true,
        isInherited: false,
        isPastPolicies: false,
        definition:
          "CREATE TRIGGER stamp BEFORE INSERT ON shop.guarded FOR EACH ROW WHEN ((new.id > 0)) EXECUTE FUNCTION shop.stamp()",
      },
    ]);
    expect(table("parted").triggers).toMatchObject([
      { isInherited: false, isSecurityDefiner: false },
    ]);
    expect(table("north_2024").triggers).toMatchObject([{ name: "note", isInherited: true }]);
    // Those behind a foreign key are PostgreSQL's own.
    expect(table("refers").triggers).toEqual([]);
    expect(table("guarded").rules).toEqual([
      {
        name: "no_delete",
        definition: "CREATE RULE no_delete AS\n    ON DELETE TO shop.guarded DO INSTEAD NOTHING",
      },
    ]);
  });

  test("has publications by table and by schema", () => {
    const bySchema = { name: "by_schema", columns: [], rowFilter: null };
    expect(table("guarded").publications).toEqual([
      bySchema,
      { name: "by_table", columns: ["id", "shown"], rowFilter: "(id > 5)" },
    ]);
    expect(table("south").publications).toEqual([bySchema]);
    expect(table("north_2024").publications).toEqual([]);
    expect(table("Größe").publications).toEqual([
      { name: "by_table", columns: [], rowFilter: null },
    ]);
  });

  test("has the views of the schemas and those anywhere that stand on their tables, read ones first", () => {
    expect(schema.views.map(full)).toEqual([
      "elsewhere.deep",
      "elsewhere.a_deeper",
      "elsewhere.kept",
      "elsewhere.writer",
      "shop.by_key",
      "shop.of_extension_view",
      "shop.stands_alone",
      "shop.writable",
    ]);
    expect(view("a_deeper").reads.map(full)).toEqual(["elsewhere.deep", "shop.refers"]);
    expect(view("kept").reads.map(full)).toEqual(["elsewhere.a_deeper"]);
    expect(view("writer").reads).toEqual([]);
    expect(view("writer").rules).toHaveLength(1);
    expect(view("of_extension_view").extension).toBe("citext");
  });

  test("tells whose rights a view reads with", () => {
    expect(view("a_deeper")).toMatchObject({
      securityInvoker: true,
      options: ["security_invoker=on", "security_barrier=true"],
    });
    expect(view("deep")).toMatchObject({ securityInvoker: false, options: [] });
  });

  test("names the constraint that a GROUP BY of a key stands on", () => {
    expect(view("by_key").constraints).toEqual([
      { table: { schema: "shop", name: "refers" }, name: "refers_pkey" },
    ]);
    expect(view("deep").constraints).toEqual([]);
  });

  test("names what stands on a view and is none", () => {
    expect(view("deep").dependents).toEqual([
      "column views of table elsewhere.rows_of_view",
      "function elsewhere.of_view()",
      "policy by view on table shop.z_parent",
    ]);
    expect(view("kept").dependents).toEqual([]);
  });

  test("has all of a view", () => {
    const { name } = database;
    expect(view("writable")).toEqual({
      schema: "shop",
      name: "writable",
      isMaterialized: false,
      owner: `${name}_owner`,
      definition: expect.stringMatching(/^ SELECT [^;]* FROM shop\.guarded\s+WHERE \S+$/),
      securityInvoker: false,
      options: ["check_option=local"],
      tablespace: null,
      isPopulated: true,
      columns: ["id", "shown", "secret"],
      reads: [{ schema: "shop", name: "guarded" }],
      dependents: [],
      constraints: [],
      comment: "w",
      columnComments: [{ column: "id", comment: "its id" }],
      grants: [
        "REVOKE ALL ON shop.writable FROM PUBLIC",
        `GRANT INSERT, SELECT ON shop.writable TO "${name} reader"`,
        `GRANT UPDATE ON shop.writable TO "${name} reader" WITH GRANT OPTION`,
        "GRANT REFERENCES (id), REFERENCES (shown), SELECT (id) ON shop.writable TO PUBLIC",
      ],
      extension: null,
      rules: [`CREATE RULE also AS\n    ON UPDATE TO shop.writable DO\n NOTIFY "x;"`],
      triggers: [
        "CREATE TRIGGER instead INSTEAD OF INSERT ON shop.writable FOR EACH ROW EXECUTE FUNCTION elsewhere.note()",
        "COMMENT ON TRIGGER instead ON shop.writable IS 'in''stead'",
      ],
      defaults: [{ column: "shown", expression: "true" }],
      indexes: [],
    });
  });

  test("has what a materialised view is made anew with", () => {
    expect(view("kept")).toMatchObject({
      isMaterialized: true,
      isPopulated: false,
      tablespace: `${database.name}_space`,
      comment: "kept",
      indexes: [
        "CREATE UNIQUE INDEX kept_id ON elsewhere.kept USING btree (id)",
        `ALTER INDEX elsewhere.kept_id SET TABLESPACE ${database.name}_space`,
        "ALTER MATERIALIZED VIEW elsewhere.kept CLUSTER ON kept_id",
        "COMMENT ON INDEX elsewhere.kept_id IS 'of kept'",
      ],
    });
  });

  test("gives back exactly the rights a view had, even where default privileges give more", async () => {
    const acl = `select relacl::text[] as relacl, array(select attname || attacl::text from pg_attribute
      where attrelid = c.oid and attacl is not null) as attacl from pg_class c where oid = 'shop.writable'::regclass`;
    const { definition, columns, owner, grants, rules, triggers } = view("writable");
    await withClient(database.url, async (other) => {
      await other.query("begin; set local search_path = pg_catalog");
      const before = (await other.query(acl)).rows[0];
      await other.query("drop view shop.writable");
      await other.query(
        `create view shop.writable (${columns.map(quoted).join(", ")}) as ${definition}`,
      );
      await other.query(`alter view shop.writable owner to ${owner}`);
      for (const sql of [...rules, ...triggers, ...grants]) await other.query(sql);
      const after = (await other.query(acl)).rows[0];
      expect(after.attacl).toEqual(before.attacl);
      expect(after.relacl.toSorted()).toEqual(before.relacl.toSorted());
      await other.query("rollback");
    });
  });

  test("has routines of the schemas, and those elsewhere that run with their owner's rights", () => {
    expect(schema.routines.map(({ signature }) => signature)).toEqual([
      "elsewhere.definer(integer,text)",
      `shop."Do it"(numeric,elsewhere.citext)`,
      "shop.of_extension_function()",
      "shop.stamp()",
    ]);
    expect(called(schema.routines, "stamp")).toMatchObject({
      language: "plpgsql",
      isSecurityDefiner: true,
      extension: null,
    });
    expect(called(schema.routines, "of_extension_function").extension).toBe("citext");
  });

  test("reads as much with a login that owns nothing", async () => {
    const login = `${database.name}_nobody`;
    await repeated(() => client.query(`create role ${login} login password 'secret'`));
    const read = await withClient(
      urlAs(database.url, { user: login, password: "secret" }),
      (nobody) => readSchema(nobody, ["shop", ODD]),
    );
    expect(read).toEqual({ ...schema, login, isSuperuser: false });
  });

  test("asks as often for a thousand tables as for none", async () => {
    const counted = async (schemas: string[]) => {
      let queries = 0;
      const read = await readSchema(
        { query: (text, values) => ((queries += 1), client.query(text, values)) },
        schemas,
      );
      return { queries, read };
    };
    await client.query(`create schema empty; create schema many;
      do $$ begin for n in 1..1000 loop
        execute format('create table many.t%s (id serial primary key, parent int references many.t%s, note text unique)', n, greatest(1, n - 1));
      end loop; end $$;`);
    const none = await counted(["empty"]);
    const many = await counted(["many"]);
    expect(none.read.tables).toEqual([]);
    expect(many.read.tables).toHaveLength(1000);
    expect(many.read.tables.every(({ foreignKeys }) => foreignKeys.length === 1)).toBe(true);
    expect(many.queries).toBe(none.queries);
  });

  test("refuses a schema that does not exist, PostgreSQL's own, and none at all", async () => {
    for (const [given, why] of [
      [["shop", "Shop"], "There is no schema Shop"],
      [["pg_catalog"], "PostgreSQL's own"],
      [["information_schema"], "PostgreSQL's own"],
      [[], "Name at least one"],
    ] as const) {
      await expect(readSchema(client, given)).rejects.toMatchObject({
        code: "PW_CONFIG",
        message: expect.stringContaining(why),
      });
    }
    expect(
      (await client.query("select now() = statement_timestamp() as alone")).rows[0].alone,
    ).toBe(true);
  });

  test("refuses a server older than 15", async () => {
    const old = {
      query: () => Promise.resolve({ rows: [{ version: 140_012, alone: true }] }),
    };
    await expect(readSchema(old, ["shop"])).rejects.toMatchObject({
      code: "PW_CONFIG",
      message: expect.stringContaining("PostgreSQL 14"),
    });
  });

  test("refuses a client in a transaction, and does not end it", async () => {
    await client.query("begin; create table shop.half_done (id int)");
    await expect(readSchema(client, ["shop"])).rejects.toMatchObject({ code: "PW_CONFIG" });
    await client.query("select from shop.half_done");
    await client.query("rollback");
    await expect(client.query("select from shop.half_done")).rejects.toThrow("does not exist");
  });

  test("refuses a pool that answers from more than one connection", async () => {
    const clients = [0, 1].map(() => new pg.Client({ connectionString: database.url }));
    await Promise.all(clients.map((each) => each.connect()));
    try {
      let asked = 0;
      const pool: Parameters<typeof readSchema>[0] = {
        query: (text, values) => clients[(asked += 1) > 4 ? 1 : 0]!.query(text, values),
      };
      await expect(readSchema(pool, ["shop"])).rejects.toMatchObject({
        code: "PW_CONFIG",
        message: expect.stringContaining("not a pool"),
      });
    } finally {
      await Promise.all(clients.map((each) => each.end()));
    }
  });
});

describeEngine("postgres", "reading what PostgreSQL 18 added", () => {
  test("has keys over periods, constraints that are not enforced, and partitions' identities", async ({
    skip,
  }) => {
    const database = await testDatabase();
    try {
      await withClient(database.url, async (client) => {
        const { rows } = await client.query("show server_version_num");
        skip(
          Number(rows[0].server_version_num) < 180_000,
          "the server is older than PostgreSQL 18",
        );
        await client.query(`create extension btree_gist;
          create table prices (id int, valid daterange, primary key (id, valid without overlaps));
          create table items (id int primary key);
          create table uses (id int, valid daterange,
            constraint by_period foreign key (id, period valid) references prices (id, period valid),
            constraint loose foreign key (id) references items not enforced);
          create table parted (id int generated always as identity, region int) partition by list (region);
          create table part partition of parted for values in (1);`);
        const { tables } = await readSchema(client, ["public"]);
        expect(called(tables, "prices").indexes).toMatchObject([
          { isPrimary: true, method: "gist", constraint: { withoutOverlaps: true } },
        ]);
        expect(called(tables, "uses").foreignKeys).toMatchObject([
          { name: "by_period", hasPeriod: true, isEnforced: true },
          { name: "loose", hasPeriod: false, isEnforced: false },
        ]);
        expect(called(tables, "part").columns[0]).toMatchObject({
          identity: "always",
          sequence: { schema: "public", name: "parted_id_seq" },
        });
      });
    } finally {
      await database.drop();
    }
  });
});

describeData("chinook", "postgres", "reading Chinook", () => {
  test("has its eleven tables and their keys", async () => {
    const database = await testDatabase();
    try {
      const script = readFileSync(dataPath("chinook"), "utf8").replaceAll(
        /^(?:DROP DATABASE|CREATE DATABASE|\\c) .*$/gm,
        "",
      );
      const schema = await withClient(database.url, async (client) => {
        await client.query(script);
        await client.query("analyze");
        return readSchema(client, ["public"]);
      });
      expect(schema.tables.map(({ name }) => name)).toEqual([
        "album",
        "artist",
        "customer",
        "employee",
        "genre",
        "invoice",
        "invoice_line",
        "media_type",
        "playlist",
        "playlist_track",
        "track",
      ]);
      const keys = schema.tables.flatMap(({ foreignKeys }) => foreignKeys);
      expect(keys).toHaveLength(11);
      expect(called(schema.tables, "track")).toMatchObject({
        estimatedRows: 3503,
        bytes: expect.any(Number),
      });
      expect(
        called(schema.tables, "playlist_track").indexes.find(({ isPrimary }) => isPrimary)?.keys,
      ).toMatchObject([{ column: "playlist_id" }, { column: "track_id" }]);
    } finally {
      await database.drop();
    }
  });
});

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
