import { label, TenantTables, type AdoptedDatabase } from "./adopted.js";
import { editLucidModel } from "./lucid-model.js";
import { readLucid } from "./lucid-source.js";
import { ModuleFiles } from "./module-files.js";
import type { SchemaEdits, SourceFile } from "./text-edits.js";

/**
 * Edits the files of Lucid models, and the classes that `node ace schema:generate` writes, so that each model of a
 * tenant table has its tenant column. Generated classes come out as they would be generated again. Comments and layout
 * stay. What cannot be edited safely is left and noted. Doing it again changes nothing.
 *
 * @example
 * ```ts
 * import { editLucidModels, type AdoptedDatabase, type SourceFile } from "partywall/adopt";
 *
 * async function edit(files: SourceFile[], database: AdoptedDatabase) {
 *   const { files: changed, notes } = await editLucidModels(files, database);
 *   for (const note of notes) console.warn(`${note.path}:${note.line} ${note.object}: ${note.text}`);
 *   return changed; // to be written back
 * }
 * console.log(typeof edit); // function
 * ```
 */
export async function editLucidModels(
  files: readonly SourceFile[],
  database: AdoptedDatabase,
): Promise<SchemaEdits> {
  const modules = await ModuleFiles.read(files);
  const tables = new TenantTables(database);
  const models = readLucid(modules, tables);
  for (const adopted of tables) {
    const own = models.filter((model) => model.adopted === adopted);
    const object = label(adopted.table);
    if (own.length === 0) {
      modules.notes.push({
        object,
        text: "No model stands for this table, so there was nothing to edit.",
      });
    } else if (own.length > 1) {
      for (const { file, class: one, name } of own) {
        const text = `Several models stand for the table ${object}. Bring them in line by hand.`;
        modules.note(file, one, name, text);
      }
    } else editLucidModel(own[0]!, modules);
  }
  return { files: modules.changed(), notes: modules.notes };
}
