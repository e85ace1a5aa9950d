import * as disk from "node:fs";
import { chmod, mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { applyChanges, type Disk } from "../../../src/cli/init/apply-changes.js";
import { unifiedDiff } from "../../../src/cli/init/unified-diff.js";
import { folderWith, manifest, type Folder } from "./folder.js";

let folder: Folder | undefined;
afterEach(() => folder?.remove());

const SHOP = {
  "package.json": manifest(["express", "drizzle-orm", "pg", "partywall"]),
  ".gitignore": "node_modules\n.env\n",
  "src/app.ts":
    'import express from "express";\n\nexport const app = express();\napp.get("/", handler);\nconst password = "hunter22";\n',
  "src/db.ts":
    'import { drizzle } from "drizzle-orm/node-postgres";\nimport pg from "pg";\n\nconst pool = new pg.Pool({ user: "shop", password: "hunter22" });\nexport const db = drizzle(pool);\n',
};

describe("init is a dry run unless it is told to write", () => {
  test("it shows a diff, and writes nothing", async () => {
    folder = await folderWith(SHOP);
    folder.commit();
    const before = await folder.all();
    const { code, stdout, stderr } = await folder.init();
    expect(code).toBe(0);
    expect(stderr).toContain("Nothing was changed. Add --apply to write it.");
    expect(stdout).toContain("--- /dev/null\n+++ b/src/partywall.ts\n@@ -0,0 +1,");
    expect(await folder.all()).toEqual(before);
  });

  test("what it shows is what it writes", async () => {
    // Nothing in it that is masked.
    const files = {
      ...SHOP,
      "src/app.ts": 'import express from "express";\nconst app = express();\n',
    };
    folder = await folderWith({ ...files, "src/db.ts": SHOP["src/db.ts"].replace("hunter22", "") });
    const { data } = await folder.init(["--json"]);
    const written = await folderWith(await folder.all());
    try {
      expect((await written.init(["--apply"])).code).toBe(0);
      await folder.write({ "change.patch": data.changes.map(({ diff }) => `${diff}\n`).join("") });
      folder.git("init", "--quiet");
      folder.git("apply", "change.patch");
      const { "change.patch": _patch, ...patched } = await folder.all();
      const withoutId = (all: Record<string, string>) => ({
        ...all,
        "partywall.config.ts": all["partywall.config.ts"]!.replace(/tenant: ".*"/, "tenant"),
      });
      expect(withoutId(patched)).toEqual(withoutId(await written.all()));
    } finally {
      await written.remove();
    }
  });

  test("logins are created only where their passwords are kept and a server is named; else nothing is written", async () => {
    folder = await folderWith(SHOP);
    folder.commit();
    const before = await folder.all();
    const refused = async (said: string, ...flags: string[]) => {
      const { code, stderr } = await folder!.init(flags);
      expect(stderr).toContain(said);
      expect(code).toBe(2);
      expect(await folder!.all()).toEqual(before);
    };
    await refused("Add --apply", "--logins");
    await refused("needs the address of the application's database", "--logins", "--apply");
    await folder.write({ ".env": "DATABASE_URL=postgres://shop:secret@localhost/shop\n" });
    before[".env"] = "DATABASE_URL=postgres://shop:secret@localhost/shop\n";
    await refused("No database was named. Add --url", "--logins", "--apply");
  });

  test("a prompt that is answered writes; any other answer does not", async () => {
    folder = await folderWith(SHOP);
    const before = await folder.all();
    const questions: string[] = [];
    const answering = (answer: string) => ({
      ask: (question: string) => {
        questions.push(question);
        return Promise.resolve(answer);
      },
    });
    for (const answer of ["", "no", "n", "yess"]) {
      expect((await folder.init([], answering(answer))).code).toBe(0);
      expect(await folder.all()).toEqual(before);
    }
    const { code, stdout } = await folder.init([], answering("yes"));
    expect(code).toBe(0);
    expect(stdout).toContain("created  src/partywall.ts");
    expect(questions).toHaveLength(5);
    expect(await folder.read("src/db.ts")).toContain("const pool = pw.postgres.pool;");
  });

  test("--json is one line and asks nobody", async () => {
    folder = await folderWith(SHOP);
    const ask = () => Promise.reject(new Error("nobody is to be asked"));
    const { code, stdout, data } = await folder.init(["--json"], { ask });
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(data).toMatchObject({ state: "planned", applied: false });
    expect(data.changes.map(({ path, action }) => `${action} ${path}`)).toEqual([
      "create .env.example",
      "create partywall.config.ts",
      "edit src/app.ts",
      "edit src/db.ts",
      "create src/partywall.ts",
      "create src/tenancy.ts",
    ]);
  });

  test("run again, it says that it has been done, and changes nothing", async () => {
    folder = await folderWith(SHOP);
    folder.commit();
    expect((await folder.init(["--apply"])).code).toBe(0);
    const before = await folder.all();
    for (const args of [[], ["--apply", "--force"], ["--orm", "kysely", "--apply"]]) {
      const { code, stdout } = await folder.init(args);
      expect(code).toBe(0);
      expect(stdout).toContain("This project is initialised: partywall.config.ts is there.");
      expect(await folder.all()).toEqual(before);
    }
    expect((await folder.init(["--json"])).data).toMatchObject({
      state: "initialised",
      changes: [],
    });
  });
});

describe("changes that Git does not have are not mixed with those of init", () => {
  test.each([
    ["a changed file", "src/app.ts"],
    ["a new file", "src/other.ts"],
  ])("%s", async (_title, path) => {
    folder = await folderWith(SHOP);
    folder.commit();
    await folder.write({ [path]: `${SHOP["src/app.ts"]}// more\n` });
    const before = await folder.all();
    const refused = await folder.init(["--apply"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("Commit or stash them, or add --force.");
    const shown = await folder.init([], { ask: () => Promise.resolve("yes") });
    expect(shown.code).toBe(0);
    expect(shown.stderr).toContain("Before --apply: Git has changes here");
    expect(await folder.all()).toEqual(before);
    expect((await folder.init(["--apply", "--force"])).code).toBe(0);
    expect(await folder.read("src/db.ts")).toContain("pw.postgres.pool");
  });

  test("a repository that Git does not understand", async () => {
    folder = await folderWith(SHOP);
    await folder.write({ ".git": "gitdir: nowhere\n" });
    const { code, stderr } = await folder.init(["--apply"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Git does not tell whether all is committed");
  });

  test("a repository cannot have a program of its own run", async () => {
    folder = await folderWith(SHOP);
    folder.commit();
    await folder.write({ "monitor.sh": `#!/bin/sh\ntouch ${folder.path}/was-run\n` });
    await chmod(join(folder.path, "monitor.sh"), 0o755);
    folder.git("config", "core.fsmonitor", join(folder.path, "monitor.sh"));
    await folder.init(["--apply"]);
    expect(await folder.all()).not.toHaveProperty("was-run");
  });
});

describe("secrets", () => {
  const ENV = "DATABASE_URL=postgres://shop:p%40ss@db.example.com:5433/shop?sslmode=require";

  test("are generated into a file that Git ignores, with a login's address each, and never printed", async () => {
    folder = await folderWith({ ...SHOP, ".env": ENV });
    folder.commit();
    const shown = await folder.init();
    expect(await folder.read(".env")).toBe(ENV);
    const { stdout, data } = await folder.init(["--apply", "--json"]);
    const env = await folder.read(".env");
    expect(env.startsWith(`${ENV}\n\n# Partywall\n`)).toBe(true);
    const value = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(env)![1]!;
    expect(value("PARTYWALL_SECRET")).toMatch(/^[\w-]{43}$/);
    for (const login of ["APP", "SYSTEM", "REGISTRY"]) {
      const password = value(`PARTYWALL_${login}_PASSWORD`);
      expect(password).toMatch(/^[\w-]{32}$/);
      expect(value(`PARTYWALL_${login}_URL`)).toBe(
        `postgres://shop_${login.toLowerCase()}:${password}@db.example.com:5433/shop?sslmode=require`,
      );
      expect(shown.stdout + stdout).not.toContain(password);
    }
    expect(shown.stdout + stdout).not.toContain(value("PARTYWALL_SECRET"));
    expect(shown.stdout + stdout).not.toContain("p%40ss");
    expect(data.generated).toEqual([
      { path: ".env", variables: expect.arrayContaining(["PARTYWALL_SECRET"]) as string[] },
    ]);
    expect(await folder.read("partywall.config.ts")).toContain('migrator: "shop"');
    expect(folder.git("status", "--porcelain")).not.toContain(".env\n");
  });

  test("of before stay", async () => {
    folder = await folderWith({
      ...SHOP,
      ".env": `${ENV}\nPARTYWALL_SECRET=mine, of thirty-two characters\nPARTYWALL_APP_URL=postgres://a:b@c/d\n`,
    });
    folder.commit();
    const { data } = await folder.init(["--apply", "--json"]);
    expect(data.generated[0]!.variables.toSorted()).toEqual([
      "PARTYWALL_REGISTRY_PASSWORD",
      "PARTYWALL_REGISTRY_URL",
      "PARTYWALL_SYSTEM_PASSWORD",
      "PARTYWALL_SYSTEM_URL",
    ]);
    expect(await folder.read(".env")).toContain(
      "PARTYWALL_SECRET=mine, of thirty-two characters\n",
    );
  });

  test("are generated into a new file that only its owner reads", async () => {
    folder = await folderWith(SHOP);
    folder.commit();
    expect((await folder.init(["--apply"])).code).toBe(0);
    expect((await stat(join(folder.path, ".env"))).mode & 0o777).toBe(0o600);
    expect(await folder.read(".env")).toMatch(/^# Partywall\nPARTYWALL_SECRET=[\w-]{43}\n$/);
  });

  test.each([
    ["is not ignored", { ".gitignore": "node_modules\n" }, true],
    ["is ignored and in the repository all the same", { ".env": ENV }, true],
    ["is in no repository", {}, false],
  ])("are not generated where .env %s; it is told how", async (_title, files, inRepository) => {
    folder = await folderWith({ ...SHOP, ...files });
    if (inRepository) {
      folder.git("init", "--quiet");
      if (".env" in files) folder.git("add", "--force", ".env");
      folder.commit();
    }
    const before = (await folder.all())[".env"];
    const { code, data } = await folder.init(["--apply", "--json"]);
    expect(code).toBe(0);
    expect((await folder.all())[".env"]).toBe(before);
    expect(data.generated).toEqual([]);
    expect(data.next[0]!.what).toContain("Set PARTYWALL_SECRET");
    expect(data.next[0]!.command).toMatch(/^node -p /);
  });

  test("that stand in the source are not shown in the diff", async () => {
    folder = await folderWith(SHOP);
    for (const args of [[], ["--json"]]) {
      const { stdout } = await folder.init(args);
      expect(stdout).toContain("-const pool = new pg.Pool(");
      expect(stdout).not.toContain("hunter22");
    }
    expect((await folder.init(["--apply"])).code).toBe(0);
    expect(await folder.read("src/app.ts")).toContain('const password = "hunter22";');
  });
});

describe("either all is written or nothing", () => {
  const CHANGES = [
    { path: "a/b/new.ts", before: undefined, after: "new\n" },
    { path: "old.ts", before: "old\n", after: "changed\n" },
    { path: "a/.env", before: undefined, after: "S=1\n", isPrivate: true },
    { path: "kept.sh", before: "#!/bin/sh\n", after: "#!/bin/sh\nexit 0\n" },
  ];
  const OLD = { "old.ts": "old\n", "kept.sh": "#!/bin/sh\n" };
  const WRITES = [
    "chmodSync",
    "chownSync",
    "copyFileSync",
    "linkSync",
    "mkdirSync",
    "renameSync",
    "rmSync",
    "rmdirSync",
    "writeFileSync",
  ] as const;

  /** A disk whose nth change fails, and how many there were. */
  function failing(nth: number): { readonly files: Disk; count(): number } {
    let count = 0;
    const files = { ...disk } as unknown as Record<string, unknown>;
    for (const name of WRITES) {
      const real = disk[name] as (...args: unknown[]) => unknown;
      files[name] = (...args: unknown[]) => {
        count += 1;
        if (count === nth)
          throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
        return real(...args);
      };
    }
    return { files: files as unknown as Disk, count: () => count };
  }

  test("a failure of any one operation leaves everything as it was", async () => {
    let operations = 0;
    for (let nth = 1; operations === 0 || nth <= operations; nth += 1) {
      folder = await folderWith(OLD);
      await chmod(join(folder.path, "kept.sh"), 0o755);
      const { files, count } = failing(nth);
      let failed = false;
      try {
        applyChanges(folder.path, CHANGES, files);
      } catch (error) {
        failed = true;
        expect(error).toMatchObject({ code: "PW_CONFIG" });
        expect(String(error)).toContain("Everything is as it was.");
      }
      if (failed) {
        expect(await folder.all(), `operation ${nth}`).toEqual(OLD);
        expect(disk.existsSync(join(folder.path, "a")), `operation ${nth}`).toBe(false);
        expect((await stat(join(folder.path, "kept.sh"))).mode & 0o777).toBe(0o755);
      } else {
        // What is tidied up behind it may fail, and all is written.
        expect(await folder.read("old.ts")).toBe("changed\n");
        expect(await folder.read("a/.env")).toBe("S=1\n");
        operations = count();
      }
      await folder.remove();
    }
    expect(operations).toBeGreaterThan(8);
  });

  test("files keep their modes, and nothing is left beside them", async () => {
    folder = await folderWith(OLD);
    await chmod(join(folder.path, "kept.sh"), 0o755);
    applyChanges(folder.path, CHANGES);
    expect(await folder.all()).toEqual({
      "a/b/new.ts": "new\n",
      "old.ts": "changed\n",
      "a/.env": "S=1\n",
      "kept.sh": "#!/bin/sh\nexit 0\n",
    });
    expect((await stat(join(folder.path, "kept.sh"))).mode & 0o777).toBe(0o755);
    expect((await stat(join(folder.path, "a/.env"))).mode & 0o777).toBe(0o600);
  });

  test("a file system without links is written to as well", async () => {
    folder = await folderWith(OLD);
    const linkSync = () => {
      throw Object.assign(new Error("EPERM"), { code: "EPERM" });
    };
    applyChanges(folder.path, CHANGES, { ...disk, linkSync });
    expect(await folder.read("a/b/new.ts")).toBe("new\n");
  });

  test.each(["old.ts", "a/b/new.ts"])(
    "somebody else's change of %s in between is not lost",
    async (path) => {
      folder = await folderWith(OLD);
      const file = join(folder.path, path);
      let written = 0;
      const writeFileSync = ((...args: Parameters<typeof disk.writeFileSync>) => {
        disk.writeFileSync(...args);
        written += 1;
        if (written === CHANGES.length) disk.writeFileSync(file, "somebody's\n");
      }) as typeof disk.writeFileSync;
      expect(() => applyChanges(folder!.path, CHANGES, { ...disk, writeFileSync })).toThrow(
        expect.objectContaining({ code: "PW_CONFIG" }),
      );
      expect(await folder.all()).toEqual({ ...OLD, [path]: "somebody's\n" });
    },
  );

  test("a link, a folder or a file that is there is never overwritten", async () => {
    folder = await folderWith({ ...SHOP, "elsewhere.ts": "elsewhere\n" });
    await mkdir(join(folder.path, ".env.example"));
    await symlink(join(folder.path, "nowhere"), join(folder.path, "src", "partywall.ts"));
    const { code, stderr } = await folder.init(["--apply"]);
    expect(code).toBe(1);
    expect(stderr).toContain("src/partywall.ts is there already, and is not overwritten.");
    expect(disk.lstatSync(join(folder.path, "src", "partywall.ts")).isSymbolicLink()).toBe(true);
    expect(await folder.read("src/db.ts")).toBe(SHOP["src/db.ts"]);
    expect(await folder.all()).not.toHaveProperty("partywall.config.ts");
  });
});

describe("a diff", () => {
  const many = Array.from({ length: 40 }, (_, at) => `line ${at}\n`);
  const changed = (edit: (lines: string[]) => void): string => {
    const lines = [...many];
    edit(lines);
    return lines.join("");
  };

  test.each<[title: string, before: string | undefined, after: string]>([
    ["a new file", undefined, "one\ntwo\n"],
    ["a file without an end of line", "one\ntwo", "one\ntwo\nthree"],
    ["one that gets an end of line", "one", "one\n"],
    ["a first line", "two\n", "one\ntwo\n"],
    ["everything", "one\n", "two\n"],
    [
      "places far apart",
      many.join(""),
      changed((lines) => void (lines.splice(2, 1, "a\n", "b\n"), lines.splice(30, 4))),
    ],
    [
      "places close together",
      many.join(""),
      changed((lines) => void (lines.splice(10, 1), lines.splice(15, 0, "c\n"))),
    ],
    ["nearly everything", many.join(""), many.toReversed().join("")],
    ["ends of lines of Windows", "one\r\ntwo\r\n", "one\r\n2\r\n"],
  ])("of %s is what Git makes of it", async (_title, before, after) => {
    folder = await folderWith(before === undefined ? {} : { "file.txt": before });
    folder.git("init", "--quiet");
    const patch = unifiedDiff({ path: "file.txt", before, after });
    await writeFile(join(folder.path, "change.patch"), `${patch.join("\n")}\n`);
    folder.git("apply", "change.patch");
    expect(await folder.read("file.txt")).toBe(after);
  });

  test("of nothing is nothing", () => {
    expect(unifiedDiff({ path: "file.txt", before: "one\n", after: "one\n" })).toEqual([]);
  });
});
