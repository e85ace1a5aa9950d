import { label, TenantTables, type AdoptedDatabase } from "./adopted.js";
import { camelCase } from "./names.js";
import { PrismaModelEdits } from "./prisma-model.js";
import { readPrisma, type PrismaModel } from "./prisma-source.js";
import type { SchemaEdits, SchemaNote, SourceFile } from "./text-edits.js";

/**
 * Edits the files of a Prisma schema so that Prisma finds nothing to do in the adopted database: tenant fields, ids,
 * unique keys, indexes and relations. Comments and layout stay; `prisma format` aligns the new lines. What cannot be
 * edited safely is left and noted. Doing it again changes nothing.
 *
 * @example
 * ```ts
 * import { editPrismaSchema, type AdoptedDatabase, type SourceFile } from "partywall/adopt";
 *
 * function edit(files: SourceFile[], database: AdoptedDatabase) {
 *   const { files: changed, notes } = editPrismaSchema(files, database);
 *   for (const note of notes) console.warn(`${note.path}:${note.line} ${note.object}: ${note.text}`);
 *   return changed; // to be written back
 * }
 * console.log(typeof edit); // function
 * ```
 */
export function editPrismaSchema(
  files: readonly SourceFile[],
  database: AdoptedDatabase,
): SchemaEdits {
  const source = readPrisma(files);
  const tables = new TenantTables(database);
  const notes: SchemaNote[] = [];
  const found = new Set<object>();
  const fieldFor = (model: PrismaModel, column: string): string | undefined => {
    const known = model.fields.find(
      (field) => field.column === column && !isRelation(source.models, field.type),
    );
    if (known) return known.name;
    return tables.find(model)?.tenant.name === column ? newField(model, column) : undefined;
  };
  for (const model of source.models) {
    const adopted = tables.find(model);
    if (adopted === undefined) continue;
    found.add(adopted);
    new PrismaModelEdits(model, adopted, {
      model: (name) => source.models.find((one) => one.model === name),
      fieldFor,
      hasForeignKeys: source.hasForeignKeys,
      note: (note) => notes.push(note),
    }).write();
  }
  for (const adopted of tables) {
    if (found.has(adopted)) continue;
    const { table } = adopted;
    const names = table.columns.map(({ name }) => name);
    notes.push({
      object: label(table),
      text:
        table.name.startsWith("_") && names.includes("A") && names.includes("B")
          ? "This is the table of an implicit many-to-many relation, which has no room for a tenant. Make it a model of its own, with both relations written out, before the adoption."
          : "No schema file declares this table, so there was nothing to edit.",
    });
  }
  return {
    files: source.files.flatMap(({ path, edits }) =>
      edits.isEmpty ? [] : [{ path, content: edits.apply() }],
    ),
    notes,
  };
}

const isRelation = (models: readonly PrismaModel[], type: string) =>
  models.some(({ model }) => model === type);

function newField(model: PrismaModel, column: string): string {
  const names = model.fields.map(({ name }) => name);
  const isSnake =
    names.some((name) => name.includes("_")) && !names.some((name) => /[a-z][A-Z]/.test(name));
  const wanted = (isSnake ? column : camelCase(column))
    .replaceAll(/\W/g, "_")
    .replace(/^(?![A-Za-z])/, "f");
  let name = wanted;
  for (let n = 2; names.includes(name); n += 1) name = `${wanted}${n}`;
  return name;
}
