import { pathToFileURL } from "node:url";

/** Runs the migrations of an AdonisJS application all the way up or down, by Lucid's own runner. Needs Node.js 24. */
export async function lucidRuns(
  url: string,
  folder: string,
  direction: "up" | "down",
): Promise<{ readonly migrated: number; readonly error: Error | null }> {
  // Lucid's modules are none for an older Node.js, so they are loaded where they are wanted.
  const { MigrationRunner } = await import("@adonisjs/lucid/migration");
  const { app, database } = await lucidApplication(url, folder);
  const migrator = new MigrationRunner(database, app, {
    direction,
    connectionName: "pg",
    ...(direction === "down" && { batch: 0 }),
  });
  try {
    await migrator.run();
    const files = Object.values(migrator.migratedFiles);
    return {
      migrated: files.filter(({ status }) => status === "completed").length,
      error: migrator.error,
    };
  } finally {
    await migrator.close();
  }
}

/** An AdonisJS application in a folder, with the database it works on. Needs Node.js 24. */
export async function lucidApplication(url: string, folder: string) {
  const [{ Database }, { AppFactory }, { EmitterFactory }, { LoggerFactory }] = await Promise.all([
    import("@adonisjs/lucid/database"),
    import("@adonisjs/core/factories/app"),
    import("@adonisjs/core/factories/events"),
    import("@adonisjs/core/factories/logger"),
  ]);
  const app = new AppFactory().create(pathToFileURL(`${folder}/`));
  await app.init();
  const database = new Database(
    { connection: "pg", connections: { pg: { client: "pg", connection: url } } },
    new LoggerFactory().create(),
    new EmitterFactory().create(app),
  );
  return { app, database };
}

/** Writes the schema classes of a database into an application, by `node ace schema:generate`. Needs Node.js 24. */
export async function lucidGenerates(url: string, folder: string): Promise<void> {
  const [{ AceFactory }, { default: SchemaGenerate }, { database }] = await Promise.all([
    import("@adonisjs/core/factories"),
    import("@adonisjs/lucid/commands/schema_generate"),
    lucidApplication(url, folder),
  ]);
  const ace = await new AceFactory().make(pathToFileURL(`${folder}/`));
  await ace.app.init();
  ace.app.container.bindValue("lucid.db" as never, database as never);
  ace.ui.switchMode("raw");
  try {
    const command = await ace.create(SchemaGenerate, []);
    await command.exec();
    if (command.error !== undefined) throw command.error as Error;
  } finally {
    await database.manager.closeAll();
  }
}
