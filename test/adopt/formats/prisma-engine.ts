import { AsyncLocalStorage } from "node:async_hooks";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { PrismaPg } from "@prisma/adapter-pg";
import { ColumnTypeEnum, bindMigrationAwareSqlAdapterFactory } from "@prisma/driver-adapter-utils";
import * as engine from "@prisma/schema-engine-wasm/schema_engine_bg";
import pg from "pg";

// PostgreSQL's one-byte "char", which the catalogue uses and the adapter does not know.
const CHAR = 18;
const TEXT = 25;

/** Which columns of the query under way are such. */
const charColumns = new AsyncLocalStorage<{ at: number[] }>();

class CatalogPool extends pg.Pool {
  // oxlint-disable-next-line typescript/no-explicit-any -- one of many overloads
  override async query(...args: any[]): Promise<any> {
    const result = await (super.query as (...given: unknown[]) => Promise<pg.QueryResult>).apply(
      this,
      args,
    );
    const found = charColumns.getStore();
    // A script of several statements has a result for each.
    for (const [at, field] of (result.fields ?? []).entries()) {
      if (field.dataTypeID !== CHAR) continue;
      field.dataTypeID = TEXT;
      found?.at.push(at);
    }
    return result;
  }
}

class CatalogAdapter extends PrismaPg {
  readonly #pool: CatalogPool;

  constructor(pool: CatalogPool) {
    super(pool);
    this.#pool = pool;
  }

  override async connect() {
    const adapter = await super.connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = (query) => {
      const found = { at: [] as number[] };
      return charColumns.run(found, async () => {
        const result = await queryRaw(query);
        for (const at of found.at) result.columnTypes[at] = ColumnTypeEnum.Character;
        return result;
      });
    };
    // The native engine sends a script whole, as the simple protocol has it; the adapter cuts it at every semicolon.
    adapter.executeScript = async (script) => {
      await this.#pool.query(script);
    };
    return adapter;
  }
}

interface Wasm {
  instantiate(
    bytes: Uint8Array,
    imports: object,
  ): Promise<{ instance: { exports: Record<string, unknown> } }>;
}

const FILTERS = { externalTables: [], externalEnums: [] };

// Where the engine leaves what it says when it gives up, which would otherwise be a promise that never settles.
let giveUp: (reason: Error) => void = () => {};
Object.assign(globalThis, {
  PRISMA_WASM_PANIC_REGISTRY: { set_message: (message: string) => giveUp(new Error(message)) },
});

let loaded: Promise<void> | undefined;

// The package imports its WebAssembly as a module, which Node does not; the native engine would have to be downloaded.
function load(): Promise<void> {
  loaded ??= (async () => {
    const path = createRequire(import.meta.url).resolve(
      "@prisma/schema-engine-wasm/schema_engine_bg",
    );
    const { instance } = await (
      globalThis as unknown as { WebAssembly: Wasm }
    ).WebAssembly.instantiate(await readFile(path.replace(/\.js$/, ".wasm")), {
      "./schema_engine_bg.js": engine,
    });
    const bindings = engine as unknown as { __wbg_set_wasm(exports: object): void };
    bindings.__wbg_set_wasm(instance.exports);
    (instance.exports["__wbindgen_start"] as () => void)();
  })();
  return loaded;
}

type Engine = Awaited<ReturnType<typeof engine.SchemaEngine.new>>;

async function withEngine<T>(
  url: string,
  schema: string,
  use: (prisma: Engine) => Promise<T>,
): Promise<T> {
  await load();
  const pool = new CatalogPool({ connectionString: url });
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(new CatalogAdapter(pool));
    const gaveUp = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    const prisma = await engine.SchemaEngine.new(
      { datamodels: [["schema.prisma", schema]] },
      () => {},
      adapter,
    );
    return await Promise.race([use(prisma), gaveUp]);
  } finally {
    await pool.end();
  }
}

/** What `prisma migrate diff --script` prints between the database and a schema: nothing where both agree. */
export function prismaDiff(
  url: string,
  schema: string,
  from: "database" | "empty" = "database",
): Promise<string> {
  return withEngine(url, schema, async (prisma) => {
    const files = { files: [{ path: "schema.prisma", content: schema }] };
    const { stdout } = await prisma.diff({
      from:
        from === "empty" ? { tag: "empty" } : { tag: "schemaDatasource", ...files, configDir: "." },
      to: { tag: "schemaDatamodel", ...files },
      script: true,
      exitCode: true,
      filters: FILTERS,
    });
    return (stdout ?? "").replace("-- This is an empty migration.", "").trim();
  });
}

/** Does what `prisma migrate deploy` does, and gives the names of the migrations that it applied. */
export function prismaDeploy(
  url: string,
  folder: string,
  files: readonly { readonly path: string; readonly content: string }[],
): Promise<string[]> {
  const schema = 'datasource db {\n  provider = "postgresql"\n}\n';
  return withEngine(url, schema, async (prisma) => {
    const start = { path: `${folder}/0_start/migration.sql`, content: "select 1;" };
    const migrationsList = {
      baseDir: folder,
      lockfile: { path: "migration_lock.toml", content: 'provider = "postgresql"\n' },
      shadowDbInitScript: "",
      migrationDirectories: [start, ...files].map(({ path, content }) => ({
        path: path.slice(folder.length + 1).replace("/migration.sql", ""),
        migrationFile: { path: "migration.sql", content: { tag: "ok" as const, value: content } },
      })),
    };
    // What is there came by an earlier migration.
    await prisma.markMigrationApplied({ migrationName: "0_start", migrationsList });
    const { appliedMigrationNames } = await prisma.applyMigrations({
      migrationsList,
      filters: FILTERS,
    });
    return appliedMigrationNames;
  });
}
