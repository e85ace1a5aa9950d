import { label, TenantTables, type AdoptedDatabase, type TenantTable } from "./adopted.js";
import { parser, readFiles } from "./drizzle-source.js";
import type { SchemaEdits, SchemaNote, SourceFile } from "./text-edits.js";
import { TypeormEntityEdits } from "./typeorm-entity.js";
import { formOf } from "./typeorm-form.js";
import type { TypeormEntity } from "./typeorm-model.js";
import { readTypeorm } from "./typeorm-source.js";
import { lineAt } from "./text-edits.js";

/**
 * Edits the entities of a TypeORM application, classes and `EntitySchema`s, so that `migration:generate` finds nothing
 * to do in the adopted database: tenant columns, primary keys, unique keys, foreign keys of several columns, and join
 * tables and indexes that it has to leave alone. Comments and layout stay. What cannot be edited safely is left and
 * noted. Doing it again changes nothing. Throws `PW_CONFIG` for a file that is no TypeScript.
 *
 * @example
 * ```ts
 * import { editTypeormSchema, type AdoptedDatabase, type SourceFile } from "partywall/adopt";
 *
 * async function edit(files: SourceFile[], database: AdoptedDatabase) {
 *   const { files: changed, notes } = await editTypeormSchema(files, database);
 *   for (const note of notes) console.warn(`${note.path}:${note.line} ${note.object}: ${note.text}`);
 *   return changed; // to be written back
 * }
 * console.log(typeof edit); // function
 * ```
 */
export async function editTypeormSchema(
  files: readonly SourceFile[],
  database: AdoptedDatabase,
): Promise<SchemaEdits> {
  const sources = await readFiles(files);
  const tables = new TenantTables(database);
  const notes: SchemaNote[] = [];
  const note = (one: SchemaNote) => notes.push(one);
  const entities = readTypeorm(sources, note);
  const tableNamed = (names: readonly string[], schema: string | undefined) =>
    tables.named(names, schema);
  const tableOf = new Map(entities.map((one) => [one, tableNamed(one.tables, one.schema)]));
  const found = new Set<TenantTable>();
  const context = {
    tables,
    tableNamed: (names: readonly string[], schema: string | undefined) => {
      const table = tableNamed(names, schema);
      if (table) found.add(table);
      // One that has an entity of its own is not the relation's to declare.
      return table && [...tableOf.values()].includes(table) ? undefined : table;
    },
    resolve: (name: string | undefined) => {
      const named = entities.filter((one) => one.name === name);
      return named.length === 1
        ? { entity: named[0]!, adopted: tableOf.get(named[0]!) }
        : undefined;
    },
    note,
  };
  for (const [entity, adopted] of tableOf) {
    if (adopted === undefined) continue;
    found.add(adopted);
    const others = entities.filter((one) => one !== entity && tableOf.get(one) === adopted);
    if (others.length > 0) {
      note(twice(entity, adopted, others));
      continue;
    }
    new TypeormEntityEdits(entity, adopted, formOf(entity), context).write();
  }
  for (const imports of new Set(entities.map((one) => one.imports))) imports.write();
  for (const adopted of tables) {
    if (found.has(adopted)) continue;
    note({
      object: label(adopted.table),
      text: "No entity was found that declares this table, so there was nothing to edit.",
    });
  }
  const parse = await parser();
  const changed = sources.flatMap(({ path, edits }): SourceFile[] => {
    if (edits.isEmpty) return [];
    const content = edits.apply();
    try {
      parse(path, content);
    } catch {
      note({
        path,
        object: path,
        text: "The edits would have broken this file, so it was left as it is. Edit it by hand.",
      });
      return [];
    }
    return content === files.find((one) => one.path === path)?.content ? [] : [{ path, content }];
  });
  return { files: changed, notes };
}

function twice(
  entity: TypeormEntity,
  { table }: TenantTable,
  others: readonly TypeormEntity[],
): SchemaNote {
  return {
    path: entity.file.path,
    line: lineAt(entity.file.text, entity.place.start),
    object: entity.name,
    text: `${label(table)} is also the table of ${others.map(({ name }) => name).join(", ")}, so it is not known which of them makes it. Edit them by hand.`,
  };
}
