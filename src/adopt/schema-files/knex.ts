import { label, type AdoptedDatabase } from "./adopted.js";
import { KnexTables } from "./knex-tables.js";
import { TablesByKey } from "./model-keys.js";
import { ModuleFiles } from "./module-files.js";
import { editObjectionModels } from "./knex-objection.js";
import type { SchemaEdits, SourceFile } from "./text-edits.js";

/**
 * Edits what an application of Knex may know of its tables: the interfaces of `declare module "knex/types/tables"`, and
 * the models of Objection. Each gets the tenant column, which need not be written. Comments and layout stay. What
 * cannot be edited safely is left and noted. Doing it again changes nothing.
 *
 * @example
 * ```ts
 * import { editKnexTypes, type AdoptedDatabase, type SourceFile } from "partywall/adopt";
 *
 * async function edit(files: SourceFile[], database: AdoptedDatabase) {
 *   const { files: changed, notes } = await editKnexTypes(files, database);
 *   for (const note of notes) console.warn(`${note.path}:${note.line} ${note.object}: ${note.text}`);
 *   return changed; // to be written back
 * }
 * console.log(typeof edit); // function
 * ```
 */
export async function editKnexTypes(
  files: readonly SourceFile[],
  database: AdoptedDatabase,
): Promise<SchemaEdits> {
  const modules = await ModuleFiles.read(files);
  const tables = new TablesByKey(database);
  const known = new Set([
    ...new KnexTables(modules, tables).write(),
    ...editObjectionModels(modules, tables),
  ]);
  for (const adopted of tables) {
    if (known.has(adopted)) continue;
    modules.notes.push({
      object: label(adopted.table),
      text: `No type and no model stands for this table, so there was nothing to edit. Its rows have a further column ${adopted.tenant.name}; leave it out of what is written.`,
    });
  }
  return { files: modules.changed(), notes: modules.notes };
}
