import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import * as disk from "node:fs";
import { constants } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { createPartywall, type Partywall } from "partywall";
import { tenantFiles, type TenantFiles } from "partywall/runtime/files";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { folderName } from "../../../src/runtime/files/folder-name.js";
import { rootFolder } from "../../../src/runtime/files/folder.js";
import { Operations } from "../../../src/runtime/files/operations.js";
import { segmentsOf } from "../../../src/runtime/files/path.js";
import { Places } from "../../../src/runtime/files/place.js";

const A = "acme";
const B = "Acme";
const refusal = (code: string) => expect.objectContaining({ code });

let pw: Partywall;
let top: string;
let root: string;
const folderOf = (tenant: string) => join(root, folderName("default"), folderName(tenant));

beforeAll(async () => {
  pw = createPartywall();
  await pw.tenants.create({ id: A, slug: "a", name: "A" });
  await pw.tenants.create({ id: B, slug: "b", name: "B" });
});
afterAll(async () => pw.close());
beforeEach(() => {
  top = disk.mkdtempSync(join(tmpdir(), "partywall-files-"));
  root = join(top, "root");
  disk.mkdirSync(root);
  disk.writeFileSync(join(top, "secret.txt"), "secret");
});
afterEach(() => disk.rmSync(top, { recursive: true, force: true }));

const WAYS: readonly [string, (options?: { hardLinks?: boolean }) => TenantFiles][] = [
  ["as the system gives it", (options) => tenantFiles(pw, { root, ...options })],
  [
    "checked by name, as where a folder cannot be held",
    ({ hardLinks = false } = {}) => {
      const places = new Places(pw, { root, system: false, hardLinks }, false);
      return new Operations(places, hardLinks).bound() as unknown as TenantFiles;
    },
  ],
];

describe.each(WAYS)("files of tenants, %s", (_way, make) => {
  let files: TenantFiles;
  const inA = <T>(fn: () => Promise<T>) => pw.run(A, fn);
  beforeEach(async () => {
    files = make();
    await pw.run(B, () => files.writeFile("secret.txt", "secret"));
    await inA(() => files.writeFile("own.txt", "own"));
  });

  /** What every function does with a path that must be refused; nothing of anybody's may have changed after it. */
  const uses = (path: string): readonly (() => Promise<unknown>)[] => [
    () => files.readFile(path),
    () => files.writeFile(path, "overwritten"),
    () => files.appendFile(path, "overwritten"),
    () => files.open(path, "r+"),
    () => files.copyFile(path, "copy"),
    () => files.copyFile("own.txt", path),
    () => files.stat(path),
    () => files.access(path),
    async () => text(files.createReadStream(path)),
    async () => once(files.createWriteStream(path).end("overwritten"), "finish"),
  ];
  const namings = (path: string): readonly (() => Promise<unknown>)[] => [
    () => files.lstat(path),
    () => files.mkdir(path),
    () => files.mkdir(path, { recursive: true }),
    () => files.readdir(path),
    () => files.unlink(path),
    () => files.rmdir(path),
    () => files.rm(path, { recursive: true, force: true }),
    () => files.rename(path, "moved"),
    () => files.rename("own.txt", path),
  ];
  const everything = () =>
    execFileSync("find", [top, "-printf", "%p %y %s %l\\n"]).toString().split("\n").toSorted();

  test("do what node:fs does", async () => {
    await inA(async () => {
      expect(await files.mkdir("in/voices", { recursive: true })).toBe("in");
      await files.writeFile("in/voices/1.txt", "one", { mode: 0o600 });
      await files.appendFile("./in//voices/1.txt", " two");
      expect(await files.readFile("in/voices/1.txt", "utf8")).toBe("one two");
      await files.writeFile("in/voices/1.txt", "new");
      expect(await files.readFile("in/voices/1.txt")).toEqual(Buffer.from("new"));
      expect((await files.stat("in/voices/1.txt")).size).toBe(3);
      await expect(files.writeFile("own.txt", "x", { flag: "wx" })).rejects.toEqual(
        refusal("EEXIST"),
      );
      await files.copyFile("own.txt", "in/copy.txt");
      await files.copyFile("own.txt", "own.txt");
      const large = Buffer.alloc(200_001, "0123456789");
      await files.writeFile("large", large);
      await files.copyFile("large", "in/copy.txt");
      expect(large.equals(await files.readFile("in/copy.txt"))).toBe(true);
      await files.unlink("large");
      await expect(
        files.copyFile("own.txt", "in/copy.txt", constants.COPYFILE_EXCL),
      ).rejects.toEqual(refusal("EEXIST"));
      await files.rename("in/copy.txt", "in/voices/2.txt");
      expect((await files.readdir("in", { recursive: true })).toSorted()).toEqual([
        "voices",
        "voices/1.txt",
        "voices/2.txt",
      ]);
      const [entry] = await files.readdir("in", { withFileTypes: true });
      expect([entry?.name, entry?.isDirectory(), entry?.parentPath]).toEqual([
        "voices",
        true,
        "in",
      ]);
      const stream = files.createWriteStream("streamed.txt", { flags: "a", flush: true });
      await once(stream.end("streamed"), "close");
      expect(await text(files.createReadStream("streamed.txt", { start: 3 }))).toBe("eamed");
      const handle = await files.open("own.txt", "r+");
      await handle.write("O", 0);
      await handle.close();
      await files.access("own.txt", constants.R_OK | constants.W_OK);
      await expect(files.rm("in")).rejects.toEqual(refusal("ERR_FS_EISDIR"));
      await files.rm("in", { recursive: true });
      await files.rm("gone", { force: true });
      await expect(files.rm("gone")).rejects.toEqual(refusal("ENOENT"));
      await files.mkdir("empty");
      await files.rmdir("empty");
      await files.unlink("streamed.txt");
      expect(await files.readdir(".")).toEqual(["own.txt"]);
    });
    expect(disk.readFileSync(join(folderOf(A), "own.txt"), "utf8")).toBe("Own");
  });

  test("cannot be reached by a path that leads out, whatever is called", async () => {
    const before = everything();
    const other = folderName(B);
    const paths = [
      `../${other}/secret.txt`,
      "..",
      "a/../../x",
      "own.txt/..",
      "/etc/passwd",
      join(folderOf(B), "secret.txt"),
      "..\\..\\secret.txt",
      "own.txt\0.png",
      "C:/secret.txt",
      "c:secret.txt",
      "x/C:/secret.txt",
      "\\\\server\\share",
      "..\u200c/secret.txt",
      "half\ud800",
      "line\nbreak",
      "",
      Buffer.from("../x"),
      pathToFileURL(join(folderOf(B), "secret.txt")),
      pathToFileURL(join(folderOf(A), "own.txt")),
      3,
      undefined,
    ] as string[];
    for (const path of paths)
      for (const use of [...uses(path), ...namings(path)])
        await expect(inA(use), path).rejects.toEqual(refusal("PW_PATH_REFUSED"));
    expect(everything()).toEqual(before);
  });

  test("take encoded forms for the names they are", async () => {
    for (const path of ["%2e%2e%2fsecret.txt", "..%2fsecret.txt", "．．／secret.txt", "%00"])
      await inA(() => files.writeFile(path, "inside"));
    expect(disk.readdirSync(folderOf(A))).toHaveLength(5);
    expect(disk.readFileSync(join(folderOf(B), "secret.txt"), "utf8")).toBe("secret");
  });

  test("cannot be reached through a symbolic link, wherever it stands", async () => {
    disk.symlinkSync(join(folderOf(B), "secret.txt"), join(folderOf(A), "file"));
    disk.symlinkSync(folderOf(B), join(folderOf(A), "folder"));
    disk.symlinkSync("own.txt", join(folderOf(A), "inner"));
    disk.symlinkSync(join(folderOf(B), "made.txt"), join(folderOf(A), "dangling"));
    const before = everything();
    for (const path of ["file", "folder/secret.txt", "folder/new.txt", "inner", "dangling"])
      for (const use of uses(path))
        await expect(inA(use), path).rejects.toEqual(refusal("PW_PATH_REFUSED"));
    for (const use of namings("folder/secret.txt"))
      await expect(inA(use)).rejects.toEqual(refusal("PW_PATH_REFUSED"));
    for (const path of ["folder", "folder/x"])
      await expect(inA(() => files.readdir(path))).rejects.toEqual(refusal("PW_PATH_REFUSED"));
    for (const path of ["folder", "folder/x", "folder/x/y"])
      await expect(inA(() => files.mkdir(path, { recursive: true }))).rejects.toEqual(
        refusal("PW_PATH_REFUSED"),
      );
    expect(everything()).toEqual(before);
  });

  test("a recursive readdir and rm do not follow links; rm takes the link away", async () => {
    await inA(() => files.mkdir("deep/deeper", { recursive: true }));
    disk.symlinkSync(folderOf(B), join(folderOf(A), "deep/deeper/link"));
    disk.symlinkSync(folderOf(B), join(folderOf(A), "link"));
    expect((await inA(() => files.readdir("deep", { recursive: true }))).toSorted()).toEqual([
      "deeper",
      "deeper/link",
    ]);
    await inA(() => files.rm("deep", { recursive: true }));
    await inA(() => files.rm("link", { recursive: true }));
    expect(disk.readdirSync(folderOf(A))).toEqual(["own.txt"]);
    expect(disk.readdirSync(folderOf(B))).toEqual(["secret.txt"]);
  });

  test("cannot be reached through a hard link, nor emptied through one", async () => {
    disk.linkSync(join(folderOf(B), "secret.txt"), join(folderOf(A), "hard"));
    for (const use of uses("hard").filter((_, at) => at !== 7))
      await expect(inA(use)).rejects.toEqual(refusal("PW_PATH_REFUSED"));
    expect(disk.readFileSync(join(folderOf(B), "secret.txt"), "utf8")).toBe("secret");
    expect(await inA(() => make({ hardLinks: true }).readFile("hard", "utf8"))).toBe("secret");
  });

  test("a pipe is refused, and nobody waits for its other end", async () => {
    execFileSync("sh", ["-c", `mkfifo "$1"`, "sh", join(folderOf(A), "pipe")]);
    await expect(inA(() => files.readFile("pipe"))).rejects.toEqual(refusal("PW_PATH_REFUSED"));
  });

  test("a tenant's folder that is a link is refused", async () => {
    disk.rmSync(folderOf(A), { recursive: true });
    disk.symlinkSync(folderOf(B), folderOf(A));
    for (const use of [...uses("secret.txt"), ...namings("secret.txt")])
      await expect(inA(use)).rejects.toEqual(refusal("PW_PATH_REFUSED"));
    await expect(inA(() => files.readdir("."))).rejects.toEqual(refusal("PW_PATH_REFUSED"));
    expect(disk.readdirSync(folderOf(B))).toEqual(["secret.txt"]);
  });

  test("the tenant's folder itself cannot be removed or moved", async () => {
    for (const path of [".", "./", "././"])
      for (const use of [
        () => files.rm(path, { recursive: true }),
        () => files.rmdir(path),
        () => files.unlink(path),
        () => files.rename(path, "x"),
        () => files.rename("own.txt", path),
        () => files.copyFile("own.txt", path),
      ])
        await expect(inA(use)).rejects.toEqual(refusal("PW_PATH_REFUSED"));
    expect(disk.readdirSync(folderOf(A))).toEqual(["own.txt"]);
  });

  test("nothing is done without a tenant", async () => {
    const before = everything();
    for (const use of [...uses("own.txt"), ...namings("own.txt")]) {
      await expect((async () => use())()).rejects.toEqual(refusal("PW_NO_SCOPE"));
      await expect(pw.central(use)).rejects.toEqual(refusal("PW_CENTRAL_SCOPE"));
      await expect(pw.system({ reason: "a test" }, use)).rejects.toEqual(
        refusal("PW_CENTRAL_SCOPE"),
      );
    }
    expect(everything()).toEqual(before);
  });

  test("belong to the scope in which the call was issued", async () => {
    const streams = await Promise.all(
      [A, B].map((tenant) =>
        pw.run(tenant, () => ({ opened: files.createWriteStream("whose.txt") })),
      ),
    );
    await Promise.all(streams.map(async ({ opened }, at) => once(opened.end([A, B][at]), "close")));
    const read = await Promise.all(
      Array.from({ length: 60 }, async (_, at) =>
        pw.run(at % 2 === 0 ? A : B, () => files.readFile("whose.txt", "utf8")),
      ),
    );
    expect(read).toEqual(Array.from({ length: 60 }, (_, at) => (at % 2 === 0 ? A : B)));
  });

  test("errors of the system name the application's path, not the machine's", async () => {
    for (const use of [
      async (): Promise<unknown> => files.readFile("none/gone.txt"),
      () => files.rename("gone", "else"),
      () => files.rmdir("own.txt"),
    ]) {
      const error = await inA(use).catch((thrown: unknown) => thrown as NodeJS.ErrnoException);
      const said = `${String(error)} ${(error as Error).stack} ${JSON.stringify(error)}`;
      expect((error as NodeJS.ErrnoException).path).toMatch(/^(?:none\/gone\.txt|gone|own\.txt)$/);
      expect(said).not.toMatch(/\/proc\/self|partywall-files-/);
    }
  });
});

describe("a link that is swapped in while a file is used", () => {
  test.skipIf(process.platform !== "linux")(
    "is never followed: nothing of another's is read, written or removed",
    async () => {
      const files = tenantFiles(pw, { root });
      await pw.run(B, async () => {
        await files.mkdir("d");
        await files.writeFile("d/f.txt", "secret");
      });
      await pw.run(A, async () => {
        await files.mkdir("d");
        await files.writeFile("d/f.txt", "own");
      });
      const swapper = spawn(
        process.execPath,
        [
          "--import",
          "tsx",
          new URL("swapper.ts", import.meta.url).pathname,
          join(folderOf(A), "d"),
          join(folderOf(B), "d"),
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      const ended = once(swapper, "exit");
      await once(swapper.stdout, "data");
      const outcomes = new Map<string, number>();
      const count = (what: string) => outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
      await pw.run(A, async () => {
        for (let at = 0; at < 1500; at += 1) {
          for (const use of [
            () => files.readFile("d/f.txt", "utf8"),
            async () => `${(await files.stat("d/f.txt")).size}`,
            () => files.writeFile("d/new.txt", "written"),
            () => files.rm("d/new.txt", { recursive: true }),
          ])
            await use().then(
              (value) => count(value ?? "done"),
              (error: unknown) => count((error as NodeJS.ErrnoException).code ?? String(error)),
            );
        }
      });
      swapper.kill();
      await ended;
      expect(outcomes.get("PW_PATH_REFUSED"), "the swap was met").toBeGreaterThan(0);
      expect(outcomes.get("own"), "the file was met").toBeGreaterThan(0);
      expect([...outcomes.keys()].toSorted()).toEqual(expect.not.arrayContaining(["secret", "6"]));
      expect(disk.readdirSync(join(folderOf(B), "d"))).toEqual(["f.txt"]);
      expect(disk.readFileSync(join(folderOf(B), "d/f.txt"), "utf8")).toBe("secret");
    },
    60_000,
  );
});

describe("a folder that is checked by name", () => {
  test("is refused when it has become a link to another tenant's, though what was opened is what the name leads to", async () => {
    for (const tenant of [A, B])
      await pw.run(tenant, () => tenantFiles(pw, { root }).writeFile("f.txt", tenant));
    const realm = await (await rootFolder(root, false)).enter(folderName("default"));
    const folder = await realm.enter(folderName(A));
    const stats = () => disk.statSync(folder.at("f.txt"), { bigint: true });
    await expect(folder.assertOpened("f.txt", stats())).resolves.toBeUndefined();
    const own = stats();
    disk.renameSync(folderOf(A), `${folderOf(A)}.aside`);
    disk.symlinkSync(folderOf(B), folderOf(A));
    await expect(folder.assertOpened("f.txt", stats())).rejects.toEqual(refusal("PW_PATH_REFUSED"));
    disk.unlinkSync(folderOf(A));
    disk.mkdirSync(folderOf(A));
    disk.writeFileSync(join(folderOf(A), "f.txt"), "another file");
    await expect(folder.assertOpened("f.txt", own)).rejects.toEqual(refusal("PW_PATH_REFUSED"));
  });
});

describe("tenantFiles()", () => {
  test("offers nothing of node:fs/promises that it does not know", async () => {
    const files = tenantFiles(pw, { root }) as unknown as Record<string, () => Promise<unknown>>;
    for (const name of [
      "symlink",
      "link",
      "readlink",
      "cp",
      "realpath",
      "chmod",
      "watch",
      "mkdtemp",
    ])
      await expect(pw.run(A, () => files[name]!())).rejects.toEqual(
        expect.objectContaining({
          code: "PW_STATEMENT_REFUSED",
          message: expect.stringContaining(`${name}()`) as string,
        }),
      );
  });

  test("refuses options of node:fs that lead past the folder", async () => {
    const files = tenantFiles(pw, { root });
    const fd = disk.openSync(join(top, "secret.txt"), "r");
    for (const use of [
      async (): Promise<unknown> => files.createReadStream("x", { fd }),
      async () => files.createReadStream("x", { fs: disk }),
      async () => files.createWriteStream("x", { fd }),
      async () => files.readFile("x", { flag: 0o10000000 }),
      async () => files.readFile("x", { flag: "constructor" }),
      async () => files.copyFile("x", "y", constants.COPYFILE_FICLONE_FORCE),
      async () => files.readdir(".", { encoding: "buffer" } as never),
    ])
      await expect(pw.run(A, use)).rejects.toEqual(refusal("PW_STATEMENT_REFUSED"));
    disk.closeSync(fd);
  });

  test("in a system scope, where it is asked for, works on the root and is still kept to it", async () => {
    const files = tenantFiles(pw, { root, system: true });
    await pw.run(A, () => files.writeFile("own.txt", "own"));
    const inSystem = <T>(fn: () => T) => pw.system({ reason: "a test" }, fn);
    expect(await inSystem(() => files.readdir(".", { recursive: true }))).toEqual([
      "=default",
      "=default/=acme",
      "=default/=acme/own.txt",
    ]);
    await expect(inSystem(() => files.readFile("../secret.txt"))).rejects.toEqual(
      refusal("PW_PATH_REFUSED"),
    );
    await inSystem(() => files.rm("=default/=acme", { recursive: true }));
    expect(disk.readdirSync(join(root, "=default"))).toEqual([]);
  });

  test("two instances on one root share nothing", async () => {
    const other = createPartywall({ realm: "other" });
    await other.tenants.create({ id: A, slug: "a", name: "A" });
    await pw.run(A, () => tenantFiles(pw, { root }).writeFile("own.txt", "own"));
    await expect(
      other.run(A, () => tenantFiles(other, { root }).readFile("own.txt")),
    ).rejects.toEqual(refusal("ENOENT"));
    await other.close();
  });

  test("refuses a root that cannot be meant", async () => {
    for (const options of [
      { root: "files" },
      { root: "" },
      { root, sytem: true },
      { root, system: 1 },
    ])
      expect(() => tenantFiles(pw, options as never)).toThrow(refusal("PW_CONFIG"));
    const missing = tenantFiles(pw, { root: join(top, "none") });
    await expect(pw.run(A, () => missing.readdir("."))).rejects.toEqual(refusal("PW_CONFIG"));
  });
});

describe("the folder of a tenant", () => {
  test("is another for every id, whatever the file system takes for the same", () => {
    const ids = [
      ["acme", "Acme", "ACME", "acme ", "acme.", "ac:me"],
      ["\u00e9", "e\u0301", "\u212b", "\u00c5", "ß", "ss", "ı", "i"],
      ["..", ".", "/", "con", "nul", "../acme", "=acme", "~acme", `=${"a".repeat(150)}`],
    ].flat();
    const names = ids.map((id) => folderName(id));
    expect(new Set(names.map((name) => name.normalize("NFKC").toLowerCase())).size).toBe(
      ids.length,
    );
    for (const name of names) {
      expect(name).toMatch(/^(?:=[a-z0-9_-]+|~[0-9a-f]{64})$/);
      expect(basename(name)).toBe(name);
    }
  });
});

describe("names that Windows reads as others", () => {
  test.each([
    "nul",
    "NUL.txt",
    "com1",
    "x/aux .y",
    "a.txt:stream",
    "a::$DATA",
    "dots...",
    "blank ",
  ])("%j is refused there", (path) => {
    expect(() => segmentsOf(path, "win32")).toThrow(refusal("PW_PATH_REFUSED"));
    expect(() => segmentsOf(path, "linux")).not.toThrow(refusal("PW_NO_SCOPE"));
  });
  test("others are not", () => {
    expect(segmentsOf("./console/null//com.txt/", "win32")).toEqual(["console", "null", "com.txt"]);
  });
});
