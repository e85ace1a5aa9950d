import { posix } from "node:path";
import { label, TenantTables, type AdoptedDatabase, type TenantTable } from "./adopted.js";
import { parser, readFiles } from "./drizzle-source.js";
import { MikroEntityEdits } from "./mikro-orm-entity.js";
import { mikroFormOf } from "./mikro-orm-form.js";
import { mikroSchemaFile, SCHEMA_FILE } from "./mikro-orm-schema.js";
import type { MikroEntity } from "./mikro-orm-model.js";
import { readMikroOrm } from "./mikro-orm-source.js";
import { lineAt, type SchemaEdits, type SchemaNote, type SourceFile } from "./text-edits.js";

/**
 * Edits the entities of a MikroORM application (classes with decorators, `EntitySchema` and `defineEntity`) and writes a
 * file for its configuration, `partywall-schema.ts` beside the first of them, so that its schema generator finds nothing
 * to do in the adopted database. Relations and primary keys stay as they are: within a tenant they mean what they did.
 * Comments and layout stay. What cannot be edited safely is left and noted. Doing it again changes nothing. Throws
 * `PW_CONFIG` for a file that is no TypeScript.
 *
 * @example
 * ```ts
 * import { editMikroOrmSchema, type AdoptedDatabase, type SourceFile } from "partywall/adopt";
 *
 * async function edit(files: SourceFile[], database: AdoptedDatabase) {
 *   const { files: changed, notes } = await editMikroOrmSchema(files, database);
 *   for (const note of notes) console.warn(`${note.path}:${note.line} ${note.object}: ${note.text}`);
 *   return changed; // to be written back
 * }
 * console.log(typeof edit); // function
 * ```
 */
export async function editMikroOrmSchema(
  files: readonly SourceFile[],
  database: AdoptedDatabase,
): Promise<SchemaEdits> {
  const first = files[0]?.path ?? "";
  const isTyped = !/\.[cm]?jsx?$/.test(first);
  const written = posix.join(posix.dirname(first), `${SCHEMA_FILE}.${isTyped ? "ts" : "js"}`);
  const sources = await readFiles(files.filter(({ path }) => path !== written));
  const tables = new TenantTables(database);
  const notes: SchemaNote[] = [];
  const note = (one: SchemaNote) => notes.push(one);
  const entities = readMikroOrm(sources, note);
  const tableOf = new Map(entities.map((one) => [one, tables.named(one.tables, one.schema)]));
  const own = new Set([...tableOf.values()].filter((one) => one !== undefined));
  const joins = new Set<TenantTable>();
  for (const [entity, adopted] of tableOf) {
    if (adopted === undefined) continue;
    for (const names of entity.joinTables) {
      const join = tables.named(names, entity.schema);
      if (join && !own.has(join)) joins.add(join);
    }
    const others = entities.filter((one) => one !== entity && tableOf.get(one) === adopted);
    if (others.length > 0) note(twice(entity, adopted, others));
    else new MikroEntityEdits(entity, adopted, mikroFormOf(entity), note).write();
  }
  for (const imports of new Set(entities.map((one) => one.imports))) imports.write();
  for (const adopted of tables) {
    if (own.has(adopted) || joins.has(adopted)) continue;
    note({
      object: label(adopted.table),
      text: "No entity was found that declares this table, so there was nothing to edit.",
    });
  }
  const parse = await parser();
  const changed = sources.flatMap(({ path, text, edits }): SourceFile[] => {
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
    return content === text ? [] : [{ path, content }];
  });
  if (own.size === 0) return { files: changed, notes };
  const content = mikroSchemaFile([...own], [...joins], isTyped);
  if (files.find(({ path }) => path === written)?.content !== content) {
    changed.push({ path: written, content });
    note({
      path: written,
      line: 1,
      object: "configuration",
      text: "MikroORM cannot declare a foreign key of the tenant's column and another's. Put schemaGenerator and discovery: { afterDiscovered } of this file into the configuration, so that its diff leaves them as they are; a database that MikroORM makes itself lacks them.",
    });
  }
  return { files: changed, notes };
}

function twice(
  entity: MikroEntity,
  { table }: TenantTable,
  others: readonly MikroEntity[],
): SchemaNote {
  return {
    path: entity.file.path,
    line: lineAt(entity.file.text, entity.place.start),
    object: entity.name,
    text: `${label(table)} is also the table of ${others.map(({ name }) => name).join(", ")}, so it is not known which of them makes it. Edit them by hand.`,
  };
}
