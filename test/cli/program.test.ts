import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { defineCommand } from "../../src/cli/command.js";
import { COMMANDS } from "../../src/cli/commands.js";
import { confirmDestruction, CONFIRM_FLAGS } from "../../src/cli/confirm.js";
import { flagTitle } from "../../src/cli/help.js";
import { Interruption } from "../../src/cli/host.js";
import { GLOBAL_FLAGS } from "../../src/cli/global-flags.js";
import { runProgram, type CommandTable } from "../../src/cli/program.js";
import { ROOT } from "../house/run.js";
import { capturedHost } from "./captured-host.js";

const names = Object.keys(COMMANDS);
const loaded = await Promise.all(names.map(async (name) => (await COMMANDS[name]!()).command));

async function run(args: readonly string[], options: Parameters<typeof capturedHost>[0] = {}) {
  const host = capturedHost(options);
  const code = await runProgram(args, host);
  return { code, ...host.printed() };
}

describe("help", () => {
  test("of the program names every command, its summary, every exit code and every flag of all", async () => {
    const { code, stdout, stderr } = await run(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const flat = stdout.replaceAll(/\s+/g, " ");
    for (const { name, summary } of loaded) expect(flat).toContain(`${name} ${summary}`);
    for (const [name, flag] of Object.entries(GLOBAL_FLAGS)) {
      expect(flat).toContain(`${flagTitle(name, flag)} ${flag.summary}`);
    }
    for (const number of ["0", "1", "2", "130"])
      expect(stdout).toMatch(new RegExp(`^ {2}${number} `, "m"));
  });

  test.each(names)(
    "of %s tells its usage, flags and arguments, and gives examples",
    async (name) => {
      const command = loaded[names.indexOf(name)]!;
      expect(command.name).toBe(name);
      const { code, stdout } = await run([...name.split(" "), "--help"]);
      expect(code).toBe(0);
      const flat = stdout.replaceAll(/\s+/g, " ");
      expect(flat).toContain(`Usage partywall ${name} ${command.usage}`.trimEnd());
      for (const [flag, definition] of Object.entries(command.flags)) {
        expect(Object.keys(GLOBAL_FLAGS)).not.toContain(flag);
        expect(flat).toContain(`${flagTitle(flag, definition)} ${definition.summary}`);
      }
      for (const word of command.arguments ?? [])
        expect(flat).toContain(`<${word.name}> ${word.summary}`);
      expect(command.examples.length).toBeGreaterThan(0);
      for (const { line } of command.examples) {
        expect(line.startsWith(name)).toBe(true);
        expect(flat).toContain(`partywall ${line}`);
      }
      expect(await run(["help", ...name.split(" ")])).toMatchObject({ code: 0, stdout });
      for (const line of stdout.split("\n"))
        expect(line.length).toBeLessThanOrEqual(line.startsWith("  partywall") ? 200 : 100);
    },
  );

  test("as JSON is JSON; of a group it lists the group", async () => {
    const all = JSON.parse((await run(["--help", "--json"])).stdout) as { name: string }[];
    expect(all.map(({ name }) => name)).toEqual(names);
    const tenant = JSON.parse((await run(["tenant", "--help", "--json"])).stdout) as {
      name: string;
    }[];
    expect(tenant.map(({ name }) => name)).toEqual(
      names.filter((name) => name.startsWith("tenant ")),
    );
  });
});

test("--version prints the package's version", async () => {
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as {
    version: string;
  };
  expect(await run(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  expect(JSON.parse((await run(["--version", "--json"])).stdout)).toEqual({ version });
});

describe("wrong use ends with 2, names what is wrong and suggests what is near", () => {
  test.each([
    [[], "No command was given."],
    [["tenat", "list"], '"tenat" is not a command. Did you mean tenant?'],
    [
      ["tenant"],
      "tenant needs to know what to do: create, list, show, suspend, restore, export, import, erase, move, move-confirm, move-give-up, migrate, deprovision.",
    ],
    [["tenant", "crate"], '"tenant crate" is not a command. Did you mean tenant create?'],
    [["frobnicate", "--help"], '"frobnicate" is not a command.'],
    [
      ["audit", "--fail-no", "high"],
      "--fail-no is not a flag of this command. Did you mean --fail-on?",
    ],
    [["audit", "--fail-on", "hihg"], 'not "hihg". Did you mean high?'],
    [["audit", "--fail-on"], "--fail-on needs a value: --fail-on <severity>."],
    [["audit", "--fail-on", "--json"], "write --fail-on=<severity>"],
    [["audit", "--json=yes"], "--json takes no value."],
    [["audit", "--url", "a", "--url", "b"], "--url was given twice."],
    [["audit", "--url="], "--url is empty."],
    [["audit", "-x"], "-x is not a flag of this command."],
    [
      ["tenant", "list", "--limit", "many"],
      '--limit takes a whole number of at least 1, not "many".',
    ],
    [["tenant", "list", "--limit", "1e3"], "--limit takes a whole number"],
    [["tenant", "show"], "<tenant> is missing: partywall tenant show <tenant>"],
    [["tenant", "show", "a", "b"], '"b" is one word too many'],
    [["audit", "--", "b"], '"b" is one word too many'],
    [["audit", "--cwd", "/nowhere"], "There is no partywall.config.ts in /nowhere"],
    [["audit", "--config", "x.ts"], "--config names /x.ts, which is not there."],
    [["audit", "--env", "x.env"], "--env names /x.env, which cannot be read."],
    [["audit", "--__proto__", "x"], "--__proto__ is not a flag"],
    [["constructor"], '"constructor" is not a command.'],
  ])("%j", async (args, message) => {
    const people = await run(args);
    expect(people.stderr).toContain(message);
    expect(people).toMatchObject({ code: 2, stdout: "" });
    const asked = await run(["--json", ...args.filter((word) => word !== "--json")]);
    expect(asked.code).toBe(2);
    expect(asked.stdout).toBe("");
    expect(JSON.parse(asked.stderr)).toMatchObject({ error: { code: "PW_USAGE" } });
  });

  test("flags of every command may stand before it", async () => {
    const { code, stderr } = await run(["--cwd", "/nowhere", "--json", "audit"]);
    expect(code).toBe(2);
    expect(stderr).toContain("in /nowhere");
  });
});

const SECRET = "s3cr3t/with?everything#in it";
const URL_WITH = `postgres://anna:${SECRET}@db.example.com/shop`;

/** A program of one command that does what a test says. */
function program(
  body: Parameters<typeof defineCommand>[0]["run"],
  more: { readonly stopsItself?: boolean } = {},
): CommandTable {
  const command = defineCommand({
    name: "try",
    summary: "Tries.",
    usage: "",
    flags: CONFIRM_FLAGS,
    examples: [],
    ...more,
    run: body,
  });
  return { try: async () => ({ command }) };
}

describe("secrets", () => {
  const env = { DATABASE_URL: URL_WITH, API_TOKEN: "tok-12345678", HARMLESS: "just a word" };
  const leak = program(async ({ context }) => {
    context.show(
      { [URL_WITH]: [SECRET, { note: "tok-12345678", count: 12345678 }] },
      () => `${URL_WITH} ${SECRET}`,
    );
    context.note(`note ${encodeURIComponent(SECRET)} postgres://other:unheard-of@host/db`);
    context.progress().update({ done: 1, unit: "x", label: SECRET });
    throw new TypeError(`Invalid URL ${URL_WITH} tok-12345678`, {
      cause: Object.assign(new Error(`password=hunter2x ${SECRET}`), {
        input: URL_WITH,
        code: "ERR_X",
      }),
    });
  });

  test.each([[[]], [["--json"]], [["--verbose"]], [["--json", "--verbose"]]])(
    "of the environment are in nothing that is printed, with %j",
    async (flags) => {
      const host = capturedHost({ env });
      const code = await runProgram(["try", ...flags], host, leak);
      const { stdout, stderr } = host.printed();
      expect(code).toBe(1);
      for (const piece of [
        SECRET,
        "tok-12345678",
        encodeURIComponent(SECRET),
        "unheard-of",
        "hunter2x",
        "everything",
      ]) {
        expect(stdout + stderr).not.toContain(piece);
      }
      expect(stderr).toContain("Invalid URL postgres://anna:[redacted]@db.example.com/shop");
      if (flags.includes("--json")) {
        expect(JSON.stringify(JSON.parse(stdout))).toContain('"count":12345678');
        expect(JSON.parse(stderr)).toMatchObject({ error: { causes: [{ code: "ERR_X" }] } });
      }
    },
  );

  test("of the command line are in nothing that is printed, whatever is wrong with it", async () => {
    for (const args of [
      ["policies", "--url", URL_WITH, "--bogus"],
      ["policies", `--ulr=${URL_WITH}`],
      ["policies", URL_WITH],
      [URL_WITH],
      ["tenant", "list", "--limit", URL_WITH],
    ]) {
      const { code, stdout, stderr } = await run(args);
      expect(code).toBe(2);
      expect(stdout + stderr).not.toContain(SECRET);
      expect(stdout + stderr).not.toContain("everything");
    }
  });
});

test("a password that is an ordinary word is taken out as a word, and never out of SQL", async () => {
  const host = capturedHost({
    env: {
      URL_A: "postgres://shop_app:shop@host/db",
      URL_B: "postgres://postgres:postgres@host/postgres",
    },
  });
  const sql = 'grant connect on database "shop", postgres to "shop_app";';
  await runProgram(
    ["try"],
    host,
    program(async ({ context }) => {
      context.show(null, () => `${sql} (workshop)`);
      context.product(null, () => sql);
      return 0;
    }),
  );
  expect(host.printed().stdout.split("\n")).toEqual([
    'grant connect on database "[redacted]", postgres to "shop_app"; (workshop)',
    sql,
    "",
  ]);
});

describe("confirmation", () => {
  const destroyed: string[] = [];
  const destroy = program(async ({ flags, context }) => {
    const { confirm, yes } = flags as { confirm: string | undefined; yes: boolean };
    await confirmDestruction(context, {
      slug: "acme",
      consequence: "Acme will be gone.",
      confirm,
      yes,
    });
    destroyed.push("acme");
    return 0;
  });
  const attempt = async (args: string[], answer?: string) => {
    destroyed.length = 0;
    const asked: string[] = [];
    const host = capturedHost(
      answer === undefined
        ? {}
        : {
            ask: async (question) => {
              asked.push(question);
              return answer;
            },
          },
    );
    const code = await runProgram(["try", ...args], host, destroy);
    return { code, asked, destroyed: destroyed.length, stderr: host.printed().stderr };
  };

  test("asks for the slug and goes on only when exactly that is typed", async () => {
    expect(await attempt([], "acme\n")).toMatchObject({
      code: 0,
      destroyed: 1,
      asked: ["Acme will be gone.\nType acme to go on: "],
    });
    for (const answer of ["", "y", "yes", "Acme"]) {
      expect(await attempt([], answer)).toMatchObject({ code: 2, destroyed: 0 });
    }
  });

  test("takes --confirm instead, and never --yes alone, nor silence", async () => {
    expect(await attempt(["--confirm", "acme"])).toMatchObject({
      code: 0,
      destroyed: 1,
      asked: [],
    });
    expect(await attempt(["--confirm", "other"], "acme")).toMatchObject({
      code: 2,
      destroyed: 0,
      asked: [],
    });
    expect(await attempt(["--yes"], "acme")).toMatchObject({ code: 2, destroyed: 0, asked: [] });
    expect(await attempt([])).toMatchObject({ code: 2, destroyed: 0 });
    expect(await attempt(["--json"], "acme")).toMatchObject({ code: 2, destroyed: 0, asked: [] });
  });
});

describe("being stopped", () => {
  test("leaves the command where it is, closes what it opened, the last first, and ends with 130", async () => {
    const stop = new AbortController();
    const closed: string[] = [];
    const host = capturedHost({ signal: stop.signal });
    const ended = runProgram(
      ["try"],
      host,
      program(async ({ context }) => {
        context.defer(async () => closed.push("pool"));
        context.defer(async () => closed.push("client"));
        stop.abort(new Interruption("SIGINT"));
        await sleep(600_000, undefined, { ref: false });
        return 0;
      }),
    );
    expect(await ended).toBe(130);
    expect(closed).toEqual(["client", "pool"]);
    expect(host.printed().stderr).toContain("Stopped by SIGINT.");
  });

  test("a command that stops itself is waited for", async () => {
    const stop = new AbortController();
    const host = capturedHost({ signal: stop.signal });
    let finished = false;
    const code = await runProgram(
      ["try"],
      host,
      program(
        async ({ context }) => {
          stop.abort(new Interruption("SIGTERM"));
          await sleep(10);
          finished = true;
          context.signal.throwIfAborted();
          return 0;
        },
        { stopsItself: true },
      ),
    );
    expect({ code, finished }).toEqual({ code: 143, finished: true });
  });

  test("what cannot be closed is told, unless the command itself failed", async () => {
    const failing = (fails: boolean) =>
      program(async ({ context }) => {
        context.defer(() => Promise.reject(new Error("the pool is stuck")));
        if (fails) throw new Error("the work failed");
        return 0;
      });
    const first = capturedHost();
    expect(await runProgram(["try"], first, failing(false))).toBe(1);
    expect(first.printed().stderr).toContain("because: the pool is stuck");
    const second = capturedHost();
    expect(await runProgram(["try"], second, failing(true))).toBe(1);
    expect(second.printed().stderr).toContain("the work failed");
  });
});

test("colours are for terminals, and not where NO_COLOR is set or JSON is asked for", async () => {
  const paints = program(async ({ context }) => {
    context.show({ a: 1 }, () => context.paint("red", "red"));
    return 0;
  });
  const printed = async (args: string[], options: Parameters<typeof capturedHost>[0]) => {
    const host = capturedHost(options);
    await runProgram(["try", ...args], host, paints);
    return host.printed().stdout;
  };
  expect(await printed([], { isTTY: true })).toBe("\u001b[31mred\u001b[39m\n");
  expect(await printed([], { isTTY: true, env: { NO_COLOR: "1" } })).toBe("red\n");
  expect(await printed([], { isTTY: true, env: { TERM: "dumb" } })).toBe("red\n");
  expect(await printed([], { isTTY: false })).toBe("red\n");
  expect(await printed([], { isTTY: false, env: { FORCE_COLOR: "1" } })).toContain("\u001b[31m");
  expect(await printed(["--json"], { isTTY: true, env: { FORCE_COLOR: "1" } })).toBe('{"a":1}\n');
});
