import { label, TenantTables, type AdoptedDatabase } from "./adopted.js";
import { ModuleFiles } from "./module-files.js";
import { SequelizeAssociations } from "./sequelize-associations.js";
import { SequelizeModelEdits } from "./sequelize-model.js";
import { readSequelize } from "./sequelize-source.js";
import { writeSequelizeTypes } from "./sequelize-types.js";
import type { SchemaEdits, SourceFile } from "./text-edits.js";

/**
 * Edits the files of Sequelize models, made with `define()` or `init()`, so that `sync({ alter: true })` leaves the
 * adopted database as it is: tenant attributes with their types, composite primary keys, unique indexes, and
 * associations whose foreign key names the tenant. Comments and layout stay. What cannot be edited safely is left and
 * noted. Doing it again changes nothing.
 *
 * @example
 * ```ts
 * import { editSequelizeModels, type AdoptedDatabase, type SourceFile } from "partywall/adopt";
 *
 * async function edit(files: SourceFile[], database: AdoptedDatabase) {
 *   const { files: changed, notes } = await editSequelizeModels(files, database);
 *   for (const note of notes) console.warn(`${note.path}:${note.line} ${note.object}: ${note.text}`);
 *   return changed; // to be written back
 * }
 * console.log(typeof edit); // function
 * ```
 */
export async function editSequelizeModels(
  files: readonly SourceFile[],
  database: AdoptedDatabase,
): Promise<SchemaEdits> {
  const modules = await ModuleFiles.read(files);
  const tables = new TenantTables(database);
  const source = readSequelize(modules, tables);
  for (const model of source.models) {
    const edits = new SequelizeModelEdits(model, modules);
    edits.write();
    if (edits.key !== undefined) writeSequelizeTypes(model, edits.key, modules);
  }
  const associations = new SequelizeAssociations(modules, source, tables);
  associations.write();
  for (const adopted of tables) {
    if (source.claimed.has(adopted)) continue;
    const { table } = adopted;
    const through = associations.through.get(table.name);
    modules.notes.push({
      ...(through && { path: through.file.path }),
      object: label(table),
      text: through
        ? "An association goes through this table without a model, from which alter would take the tenant column. Define a model of it, and name that in through."
        : "No model stands for this table, so there was nothing to edit.",
    });
  }
  return { files: modules.changed(), notes: modules.notes };
}
