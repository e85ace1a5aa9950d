import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tsImport } from "tsx/esm/api";
import type { SourceFile } from "../../../src/adopt/schema-files/text-edits.js";

const modules = fileURLToPath(new URL("../../../node_modules", import.meta.url));

/** An application whose schema is entities with decorators, in a folder of its own. */
export class EntityApplication {
  readonly #folder: string;
  readonly #names: string[];
  #loads = 0;

  private constructor(folder: string, names: readonly string[]) {
    this.#folder = folder;
    this.#names = [...names];
  }

  /** Copies the files `<name>.txt` of a folder. */
  static async create(originals: URL, names: readonly string[]): Promise<EntityApplication> {
    const app = new EntityApplication(await mkdtemp(join(tmpdir(), "partywall-entities-")), names);
    // Files below a node_modules would be loaded without the options of their tsconfig.json.
    await symlink(modules, join(app.#folder, "node_modules"));
    const tsconfig = {
      compilerOptions: {
        experimentalDecorators: true,
        useDefineForClassFields: false,
        target: "es2022",
        module: "nodenext",
      },
    };
    await app.write([
      { path: "package.json", content: '{ "type": "module" }' },
      { path: "tsconfig.json", content: JSON.stringify(tsconfig) },
      ...(await Promise.all(
        names.map(async (path) => ({
          path,
          content: await readFile(new URL(`${path}.txt`, originals), "utf8"),
        })),
      )),
    ]);
    return app;
  }

  async write(files: readonly SourceFile[]): Promise<void> {
    for (const { path, content } of files) await writeFile(join(this.#folder, path), content);
  }

  /** Writes what was edited, new files among them. */
  async edit(files: readonly SourceFile[]): Promise<void> {
    await this.write(files);
    for (const { path } of files) if (!this.#names.includes(path)) this.#names.push(path);
  }

  sources(): Promise<SourceFile[]> {
    return Promise.all(
      this.#names.map(async (path) => ({
        path,
        content: await readFile(join(this.#folder, path), "utf8"),
      })),
    );
  }

  /** What the files export now. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a file loaded at run time exports
  async load(): Promise<Record<string, any>> {
    this.#loads += 1;
    const path = `all${this.#loads}.ts`;
    const exports = this.#names.map((name) => `export * from "./${name.replace(/ts$/, "js")}";`);
    await this.write([{ path, content: exports.join("\n") }]);
    const all = (await tsImport(join(this.#folder, path), {
      parentURL: import.meta.url,
      tsconfig: join(this.#folder, "tsconfig.json"),
    })) as object;
    return { ...all };
  }

  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true });
  }
}
