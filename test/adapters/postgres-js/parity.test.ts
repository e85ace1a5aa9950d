import { Readable } from "node:stream";
import postgres from "postgres";
import { guardPostgresJs } from "partywall/adapters/postgres-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildSite, type Site } from "./site.js";

type Use = (sql: postgres.Sql, postgresJs: typeof postgres) => unknown;

const series = "select n, 'row ' || n as label from generate_series(1, 5) n";
const text = "ünï‹code› 🐘 \\ ' \" $1 -- /* */";

// What postgres.js does by itself, and must do likewise through the guard.
const USES: Record<string, Use> = {
  "a template": (sql) => sql`select 1 as one`,
  "parameters of many types": (sql) =>
    sql`select ${1}::int as i, ${2.5}::float8 as f, ${"t"}::text as t, ${true}::bool as b, ${null}::text as n,
      ${new Date(0)}::timestamptz as d, ${Buffer.from([0, 1, 255])}::bytea as x, ${"10"}::int8 as big, ${text}::text as u`,
  "parameters whose type the server tells": (sql) =>
    sql`select * from (values (1, 'a'), (2, 'b')) v(id, name) where id = ${2} and name = ${"b"}`,
  "json and arrays": (sql) =>
    sql`select ${sql.json({ a: [1, { b: null }] })} as j, ${sql.array([1, 2])}::int[] as xs, ${sql.array(["a", 'q"', "c,d"])} as ts,
      '{{1,2},{3,4}}'::int[][] as nested, '{2020-01-01}'::date[] as dates, '[1,2]'::json as raw`,
  "all that a result tells": (sql) =>
    sql.unsafe(series).then(({ count, command, columns, statement, ...rows }) => ({
      count,
      command,
      columns: columns.map(({ name, type, table, number }) => ({ name, type, table, number })),
      text: statement.string,
      rows,
    })),
  "the statement of a result with parameters": (sql) =>
    sql`select ${1}::int as one, ${"x"} as x`.then(({ statement }) => [
      statement.string,
      statement.types,
    ]),
  "nested fragments and helpers": (sql) => {
    const where = sql`where n > ${1} and n in ${sql([2, 3, 4])}`;
    return sql`select ${sql("n")}, ${sql(["label"])} from (${sql.unsafe(series)}) s ${where} order by ${sql("n")}`;
  },
  values: (sql) => sql.unsafe(series).values(),
  raw: (sql) => sql.unsafe(series).raw(),
  describe: (sql) =>
    sql`select ${1}::int as one, 'x' as x`.describe().then(({ string, types, columns }) => ({
      string,
      types,
      columns: columns.map(({ name, type }) => ({ name, type })),
    })),
  "describe what tells no rows": (sql) =>
    sql`set statement_timeout = 0`.describe().then(({ columns }) => columns),
  forEach: async (sql) => {
    const seen: unknown[] = [];
    const { count } = await sql.unsafe(series).forEach((row) => void seen.push(row));
    return [seen, count];
  },
  "a cursor": async (sql) => {
    const seen: unknown[] = [];
    for await (const rows of sql.unsafe(series).cursor(2)) seen.push(rows.map((row) => row));
    return seen;
  },
  "a cursor with a callback and parameters": async (sql) => {
    const seen: unknown[] = [];
    await sql`select n from generate_series(1, ${5}) n`.cursor(
      2,
      (rows) => void seen.push(rows.map((row) => row["n"])),
    );
    return seen;
  },
  "a cursor that is left early": async (sql) => {
    const seen: unknown[] = [];
    for await (const [row] of sql`select n from generate_series(1, ${50}) n`.cursor()) {
      seen.push(row?.["n"]);
      if (seen.length === 3) break;
    }
    return [seen, await sql`select 1 as one`];
  },
  "a cursor whose callback closes it": async (sql) => {
    const seen: unknown[] = [];
    await sql`select n from generate_series(1, 50) n`.cursor(2, (rows) => {
      seen.push(rows.length);
      return (sql as unknown as { CLOSE: never }).CLOSE;
    });
    return seen;
  },
  "a cursor that fails halfway": async (sql) => {
    const seen: unknown[] = [];
    const told = await sql`select 1 / (3 - n) as x from generate_series(1, ${5}) n`
      .cursor(1, (rows) => void seen.push(rows.map((row) => row["x"])))
      .catch((error: { code: string }) => error.code);
    return [seen, told, await sql`select 1 as one`];
  },
  "several statements": (sql) => sql.unsafe(`select 1 as a; ${series}; select ';' as c`).simple(),
  "several statements of which one fails": (sql) =>
    sql.unsafe("select 1; select 1 / 0; select 2").simple(),
  "one statement with a semicolon in it": (sql) => sql.unsafe("select ';' as c"),
  "an empty text": (sql) => sql``.then((rows) => rows.length),
  "a comment alone": (sql) => sql.unsafe("-- nothing").then((rows) => rows.length),
  "no rows": (sql) =>
    sql`select 1 as one where false`.then(({ count, length, columns }) => [
      count,
      length,
      columns.length,
    ]),
  "no columns": (sql) =>
    sql`select from generate_series(1, 2)`.then(({ count, length }) => [count, length]),
  "copy to": async (sql) => {
    const stream = await sql.unsafe(`copy (${series}) to stdout`).readable();
    return (await Readable.from(stream).toArray()).join("");
  },
  "text of a megabyte, both ways": (sql) =>
    sql`select ${"é".repeat(500_000)}::text as t`.then(([row]) => String(row?.["t"]).length),
  "ten thousand rows": (sql) =>
    sql`select n, n::text as t from generate_series(1, 10000) n`.then((rows) => [
      rows.length,
      rows.at(-1),
    ]),
  "a thousand parameters": (sql) =>
    sql`select count(*)::int as n from (values ${sql(Array.from({ length: 1000 }, (_, n) => [n]))}) v`,
  "queries at once": (sql) =>
    Promise.all([1, 2, 3, 4, 5, 6].map((n) => sql`select ${n}::int as n`)),
  "a transaction": (sql) =>
    sql.begin(async (tx) => [...(await tx`select 1 as a`), ...(await tx`select ${2}::int as b`)]),
  "a transaction of an array": (sql) =>
    sql.begin((tx) => [tx`select 1 as a`, tx`select ${2}::int as b`]),
  "a transaction that leaves one unawaited": (sql) =>
    sql.begin(async (tx) => {
      tx`select 1 / 0`.catch(() => undefined);
      await tx`select 1`;
      return "ok";
    }),
  "a transaction that goes on after an error": (sql) =>
    sql.begin(async (tx) => {
      await tx`selec`.catch(() => undefined);
      return tx`select 1 as one`;
    }),
  "an error's fields": (sql) =>
    sql`select * from pg_class where relnam = ${"x"}`.catch((error: postgres.PostgresError) => ({
      fields: Object.entries(error),
      query: error.query,
      isNative:
        error instanceof (sql as { PostgresError: typeof postgres.PostgresError }).PostgresError,
    })),
  "a value that cannot be serialised": async (sql) => [
    await sql`select ${
      Object.assign(Object.create(null), {
        toJSON: () => {
          throw new Error("no");
        },
      }) as never
    }::jsonb`.catch((error: Error) => error.message),
    await sql`select ${1}::int as one`,
  ],
  "a row handler that throws": async (sql) => [
    await sql`select 1 as one`
      .forEach(() => {
        throw new Error("no");
      })
      .catch((error: Error) => error.message),
    await sql`select ${1}::int as one`,
  ],
  "a file": (sql) => sql.file(new URL("one.sql", import.meta.url)),
  "a file with parameters": (sql) => sql.file(new URL("parameter.sql", import.meta.url), [3]),
  "a deferred error at the commit": (sql) =>
    sql.begin((tx) => tx`select 1 as one`).then((rows) => rows),
  "cancel what runs": async (sql) => {
    const running = sql`select pg_sleep(20)`;
    const told = running.catch((error: { code: string }) => error.code);
    await new Promise((resolve) => setTimeout(resolve, 100));
    running.cancel();
    return [await told, await sql`select 1 as one`];
  },
  "what is typed": (sql) => sql`select ${sql.typed("2", 23)} as two`,
  "dates of one statement, twice": async (sql) => {
    const ask = () => sql`select ${new Date(1)}::timestamptz as at, ${"x"}::text as x`;
    return [await ask(), await ask()];
  },
};

describeEngine("postgres", "postgres.js does through the guard what it does without", () => {
  let site: Site;
  beforeAll(async () => {
    site = await buildSite({ max: 3, sql: { max: 2 } });
  });
  afterAll(() => site.close());

  const told = async (fn: () => unknown) => {
    try {
      return { value: await fn() };
    } catch (error) {
      const { message, code, name } = error as { message: string; code?: string; name: string };
      return { message, code, name };
    }
  };

  for (const [name, use] of Object.entries(USES)) {
    test(name, async () => {
      const native = await told(() => use(site.native, postgres));
      for (const slug of ["ada", "cyd", "eve"]) {
        expect(await site.inside(slug, () => told(() => use(site.sql, postgres)))).toEqual(native);
      }
      expect(await site.pw.central(() => told(() => use(site.sql, postgres)))).toEqual(native);
      expect(
        await site.pw.system({ reason: "parity" }, () => told(() => use(site.sql, postgres))),
      ).toEqual(native);
      await expect.poll(() => site.open()).toBe(0);
    });
  }

  // On connections of their own: postgres.js loses the connection, or count of its rows, where it happens twice.
  for (const [name, use] of Object.entries<Use>({
    "an undefined value": (sql) => sql`select ${undefined as never}`,
    "too many parameters": (sql) => sql.unsafe("select 1", Array(65_535).fill(1)),
    "a cursor whose callback throws": (sql) =>
      sql`select n from generate_series(1, 5) n`.cursor(2, () => {
        throw new Error("no more");
      }),
  })) {
    test(`${name} leaves nothing behind`, async () => {
      const guarded = guardPostgresJs(site.guard, postgres, { max: 2 });
      const native = postgres(site.database.url, { max: 2 });
      const refused = await told(() => use(native, postgres));
      expect(refused).toHaveProperty("message");
      expect(await site.inside("ada", () => told(() => use(guarded, postgres)))).toEqual(refused);
      const rows = await site.inside("bob", () => guarded`select note from orders where id = ${1}`);
      expect([...rows].filter(Boolean)).toEqual([{ note: "bob1" }]);
      await expect.poll(() => site.open()).toBe(0);
      await Promise.all([guarded.end({ timeout: 0 }), native.end({ timeout: 0 })]);
    });
  }

  // By itself postgres.js loses a connection with each.
  test("queries that are cancelled before they are sent take no connection with them", async () => {
    for (let n = 0; n < 3; n += 1) {
      const waiting = site.sql`select 1`;
      waiting.cancel();
      await expect(site.inside("ada", () => waiting)).rejects.toMatchObject({ code: "57014" });
    }
    expect(await site.inside("bob", () => site.sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  // By itself postgres.js leaves its socket paused now and then.
  test("a COPY that is read slowly holds the server back, and lets the next statement through", async () => {
    for (const slug of ["ada", "cyd", "eve", "ada"]) {
      const size = await site.inside(slug, async () => {
        const stream =
          await site.sql`copy (select repeat('x', 1000) from generate_series(1, 3000)) to stdout`.readable();
        let read = 0;
        for await (const chunk of stream) {
          read += (chunk as Buffer).length;
          if (read % 100_100 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        return read;
      });
      expect(size).toBe(3_003_000);
      expect(await site.inside(slug, () => site.sql`select 1 as one`)).toEqual([{ one: 1 }]);
    }
  });

  test("transforms, types, debug and one connection", async () => {
    const seen: unknown[][] = [];
    const options = {
      max: 1,
      transform: { ...postgres.camel, undefined: null },
      types: {
        point: {
          to: 600,
          from: [600],
          serialize: ({ x }: { x: number }) => `(${x},0)`,
          parse: (raw: string) => ({ x: Number(raw.slice(1, raw.indexOf(","))) }),
        },
      },
      debug: (_: number, query: string, parameters: unknown[]) =>
        void seen.push([query, parameters]),
    };
    const guarded = guardPostgresJs(site.guard, postgres, options);
    const native = postgres(site.database.url, options);
    const use = async (sql: typeof native) => [
      await sql`select ${sql.typed.point({ x: 4 })}::point as some_point, ${undefined as never}::text as no_value`,
      await sql`begin`.then(() => sql`rollback`).then(({ command }) => command),
    ];
    const [one, two] = [
      await use(native),
      await site.inside("ada", () => use(guarded as typeof native)),
    ];
    expect(two).toEqual(one);
    // The types are asked for by each, and not told apart from statements.
    const asked = seen.filter(([query]) => !String(query).includes("typarray"));
    expect(asked.slice(asked.length / 2)).toEqual(asked.slice(0, asked.length / 2));
    await Promise.all([guarded.end(), native.end()]);
  });

  test("notices reach the handler, notifications can be sent", async () => {
    await site.inside("ada", () => site.sql`select ${1}::int, pg_notify('x', 'y')`);
    await site.inside("ada", () => site.sql.notify("x", "y"));
    await site.inside("ada", () => site.sql`rollback`);
    expect(site.notices).toContain("there is no transaction in progress");
  });

  test("what cannot be made safe is refused", async () => {
    const { sql } = site;
    await site.inside("ada", async () => {
      await expect(sql.listen("x", () => undefined)).rejects.toMatchObject({
        code: "PW_LISTEN_ON_POOL",
      });
      await expect(sql`listen x`).rejects.toMatchObject({ code: "PW_LISTEN_ON_POOL" });
      await expect(sql.subscribe("*", () => undefined)).rejects.toMatchObject({
        code: "PW_STATEMENT_REFUSED",
      });
      await expect(sql.largeObject()).rejects.toMatchObject({ code: "42501" });
      await expect(sql`copy orders (id, note) from stdin`.writable()).rejects.toMatchObject({
        code: "PW_COPY_FROM",
      });
      await expect(
        sql.begin(async (tx) => {
          await tx`select 1`;
          await tx.prepare("x'; select 1; --");
        }),
      ).rejects.toMatchObject({
        code: expect.stringMatching(/^(PW_STATEMENT_REFUSED|55000)$/) as string,
      });
      expect(await sql`select note from orders where id = 1`).toEqual([{ note: "ada1" }]);
    });
    await expect.poll(() => site.open()).toBe(0);
  });
});
