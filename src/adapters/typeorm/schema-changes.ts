import { PartywallError } from "../../errors.js";
import type { TypeormDataSource } from "../typeorm.js";
import type { Options } from "./native.js";

function schemaChange(): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    "This TypeORM data source is the application's, whose login may not change the schema. Leave out synchronize, migrationsRun and dropSchema, and run migrations with a data source of their own, unguarded and under the migration login (docs/guides/logins.md).",
  );
}

/** Throws where the options would have TypeORM change the schema. */
export function assertSchemaIsLeft(options: Options): void {
  if (options.synchronize || options.migrationsRun || options.dropSchema) throw schemaChange();
}

const SCHEMA_CHANGES = [
  "synchronize",
  "dropDatabase",
  "runMigrations",
  "undoLastMigration",
  "showMigrations",
] as const;

/** Has the data source refuse to change the schema. */
export function refuseSchemaChanges(source: TypeormDataSource): void {
  for (const name of SCHEMA_CHANGES) {
    Object.defineProperty(source, name, {
      value: () => Promise.reject(schemaChange()),
      configurable: true,
    });
  }
}
