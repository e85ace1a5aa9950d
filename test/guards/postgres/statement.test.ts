import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isCopy,
  isListen,
  isLocalSetting,
  isSavepoint,
  isTransactionControl,
  leavesNothing,
  mayBeSeveral,
  mayTouchSession,
} from "../../../src/guards/postgres/statement.js";

// Text PostgreSQL skips in front of a statement and behind it.
const blank = fc
  .array(
    fc.oneof(
      fc.constantFrom(" ", "\n", "\t", "\r\n", "\f", "\v"),
      fc.string().map((text) => `--${text.replaceAll(/[\r\n]/g, "")}\n`),
      fc.letrec<{ comment: string }>((tie) => ({
        comment: fc
          .array(
            fc.oneof(
              { maxDepth: 4, depthSize: "small" },
              fc.string({ unit: fc.constantFrom("a", ";", "'", "-", "begin", "é", "\n") }),
              tie("comment"),
            ),
            { maxLength: 3 },
          )
          .map((parts) => `/*${parts.join(" ")}*/`),
      })).comment,
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join(""));

const anyCase = (word: string) =>
  fc.array(fc.boolean(), { minLength: word.length, maxLength: word.length }).map((upper) =>
    word
      .split("")
      .map((c, i) => (upper[i] ? c.toUpperCase() : c))
      .join(""),
  );

const CONTROLS = [
  "begin",
  "begin isolation level serializable read only",
  "start transaction",
  "start  transaction isolation level repeatable read",
  "commit",
  "commit and chain",
  "end",
  "end work",
  "rollback",
  "rollback to savepoint s",
  "rollback and no chain",
  "abort",
  "savepoint s",
  "release savepoint s",
  "set transaction read only",
  "set local transaction isolation level serializable",
  "prepare transaction 'x'",
];

describe("transaction control", () => {
  test.each(CONTROLS)("%s is sent without a seal", (text) => {
    fc.assert(
      fc.property(
        blank,
        anyCase(text),
        fc.constantFrom("", ";", " ;", ";\n"),
        (front, sql, end) => {
          expect(isTransactionControl(front + sql + end)).toBe(true);
        },
      ),
    );
  });

  test.each([
    "begin; delete from orders",
    "commit; select * from orders; begin",
    "begin;;select 1",
    "select 1; commit",
    "select 'begin'",
    "select 1 as begin",
    '"begin"',
    "begin_work",
    "beginning",
    "commits",
    "endless",
    "rollback_all()",
    "set transaction_read_only = on",
    "set session characteristics as transaction read only",
    "set work_mem = '1MB'",
    "prepare q as select 1",
    "explain begin",
    "(begin)",
    "/* begin */ select 1",
    "/* /* */ begin */ select 1",
    "-- begin\nselect 1",
    "-- begin",
    "/* begin",
    "/* begin /* */",
    "",
    ";",
    "; begin",
    // Letters that only look like ASCII, or fold to it.
    "ſet transaction read only",
    "ｂegin",
    "еnd",
    "\u00a0begin",
    "\u2003begin",
    "\ufeffbegin",
    "\0begin",
  ])("%j is not taken for transaction control", (text) => {
    expect(isTransactionControl(text)).toBe(false);
  });

  test("no other statement is taken for it, whatever stands in front", () => {
    const others = fc.constantFrom(
      "select 1",
      "select 'begin'",
      "update orders set note = 'rollback'",
      "with begin as (select 1) table begin",
      "values (1)",
      "execute begin",
      "call commit()",
      "table orders",
    );
    fc.assert(
      fc.property(blank, others, blank, (front, sql, end) => {
        expect(isTransactionControl(front + sql + end)).toBe(false);
      }),
    );
  });

  test("a text that holds another statement behind it is never taken for it", () => {
    fc.assert(
      fc.property(blank, fc.constantFrom(...CONTROLS), blank, (front, control, middle) => {
        expect(isTransactionControl(`${front}${control};${middle}delete from orders`)).toBe(false);
      }),
    );
  });

  test("a savepoint is told apart from the rest", () => {
    fc.assert(
      fc.property(blank, anyCase("savepoint"), (front, sql) => {
        expect(isSavepoint(`${front}${sql} s`)).toBe(true);
      }),
    );
    for (const text of ["savepoints", "release savepoint s", "rollback to savepoint s", "begin"]) {
      expect(isSavepoint(text), text).toBe(false);
    }
  });

  test("any text at all gets an answer", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        for (const ask of [isTransactionControl, isSavepoint, isListen, isCopy, isLocalSetting]) {
          expect(typeof ask(text)).toBe("boolean");
        }
        expect(typeof mayBeSeveral(text)).toBe("boolean");
        expect(typeof mayTouchSession(text)).toBe("boolean");
      }),
    );
  });

  test("a long run of openings is read in one pass", () => {
    expect(isTransactionControl(`${"/*".repeat(100_000)}begin`)).toBe(false);
    expect(isTransactionControl(`${"/**/".repeat(100_000)}begin`)).toBe(true);
    expect(typeof mayBeSeveral(`select 1;${"/*".repeat(100_000)}`)).toBe("boolean");
  });
});

describe("several statements in one text", () => {
  const one = fc.constantFrom(
    "select 1",
    "select ';'",
    "select ';--'",
    "select ';/*'",
    "select E'\\';/*'",
    'select 1 as ";--"',
    "select $$;--$$",
    "select $a$;/*$a$",
    "select /* ; */ 1",
    "select 1 -- ;--\n",
    "select 'é;𝄞'",
  );

  test("two statements are always seen, whatever their strings and comments hold", () => {
    fc.assert(
      fc.property(blank, one, blank, one, blank, (front, first, middle, second, end) => {
        expect(mayBeSeveral(`${front}${first};${middle}${second}${end}`)).toBe(true);
      }),
    );
  });

  test("one statement without a semicolon is one", () => {
    for (const text of ["select 1", "", "-- nothing", "select 'a' -- b", "/* /* */ */ select 1"]) {
      expect(mayBeSeveral(text), text).toBe(false);
    }
  });

  test("a semicolon at the end does not make two", () => {
    for (const text of ["select 1;", "select 1; \r\n\t", "select 1 ;\n"]) {
      expect(mayBeSeveral(text), text).toBe(false);
    }
  });

  test("a carriage return ends a line comment, as it does for PostgreSQL", () => {
    expect(mayBeSeveral("select 1; -- one\rselect 2")).toBe(true);
  });
});

describe("statements known by their first word", () => {
  test.each([
    [isListen, "listen"],
    [isListen, "unlisten"],
    [isCopy, "copy"],
  ] as const)("%o sees %s behind any comment and in any case", (ask, word) => {
    fc.assert(
      fc.property(blank, anyCase(word), (front, sql) => {
        expect(ask(`${front}${sql} orders`)).toBe(true);
        expect(ask(`${front}${sql}_ orders`)).toBe(false);
        expect(ask(`${front}select '${sql} orders'`)).toBe(false);
        expect(ask(`${front}"${sql}" orders`)).toBe(false);
      }),
    );
  });

  test("cannot hide LISTEN behind a line comment that a carriage return ends", () => {
    expect(isListen("-- one\rlisten orders")).toBe(true);
  });
});

describe("what a statement leaves on its connection", () => {
  test.each([
    ["set local work_mem = '1MB'", true],
    ["/* a */ SET LOCAL work_mem = '1MB';", true],
    ["set transaction read only", true],
    ["set constraints all deferred", true],
    ["set work_mem = '1MB'", false],
    ["set session work_mem = '1MB'", false],
    ["set local work_mem = '1MB'; set work_mem = '1MB'", false],
    ["set localized.x = 'a'", false],
    ["set local_x.y = 'a'", false],
    ["select 'set local'", false],
  ])("%j ends with its transaction: %s", (text, local) => {
    expect(isLocalSetting(text)).toBe(local);
  });

  test.each([
    ["select * from orders", false],
    ["select 'seed'", false],
    ["select set_config('a.b', 'c', false)", true],
    ['select pg_catalog."set_config"(name, setting, false) from plans', true],
    ["select SET_CONFIG('a.b', 'c', false)", true],
    ["select pg_advisory_lock(1)", true],
    ["select setseed(0.5)", true],
    ["SET  SEED TO 0.5", true],
    ["set session seed = 0.5", true],
    ["select set_config('seed', '0.5', false)", true],
    ["select query_to_xml('select 1', true, true, '')", true],
    ["select ts_stat('select 1')", true],
    [`select U&"\\0073et_config"('a.b', 'c', false)`, true],
    [`select u&'x' uescape '!'`, true],
  ])("%j: %s", (text, touch) => {
    expect(mayTouchSession(text)).toBe(touch);
  });

  test("cannot hide set_config behind anything that stands around it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), anyCase("set_config"), fc.string(), (a, f, b) => {
        expect(mayTouchSession(`${a}${f}${b}`)).toBe(true);
      }),
    );
  });

  test.each(["SELECT 3", "INSERT 0 1", "BEGIN", "START TRANSACTION", "COPY 5", "SET CONSTRAINTS"])(
    "after %s the connection is as it was",
    (tag) => {
      expect(leavesNothing(tag)).toBe(true);
    },
  );

  test.each([
    "SET",
    "RESET",
    "DECLARE CURSOR",
    "PREPARE",
    "LISTEN",
    "LOAD",
    "DO",
    "CALL",
    "CREATE TABLE",
    "CREATE FUNCTION",
    "DISCARD ALL",
    "SELECTED",
    "",
    "SOMETHING NEW",
  ])("after %j it may not be", (tag) => {
    expect(leavesNothing(tag)).toBe(false);
  });
});
